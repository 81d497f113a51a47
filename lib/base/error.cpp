// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <utility>

namespace doed::base {

std::string_view describe(Errc code) noexcept {
    switch (code) {
        case Errc::invalid_argument: return "invalid argument";
        case Errc::not_found: return "no such object";
        case Errc::access_denied: return "access denied";
        case Errc::not_supported: return "the mailbox does not offer this";
        case Errc::not_allowed: return "the protocol is not on the allow-list";
        case Errc::kernel_owned: return "the kernel drives this mailbox";
        case Errc::released: return "the mailbox is lent to another program";
        case Errc::busy: return "the mailbox is busy";
        case Errc::timeout: return "the device did not respond in time";
        case Errc::aborted: return "the exchange was aborted";
        case Errc::device_error: return "the device reported an error";
        case Errc::malformed: return "the device sent a malformed object";
        case Errc::dead: return "the mailbox does not react to abort";
        case Errc::device_gone: return "the device is gone";
        case Errc::lockdown: return "kernel lockdown forbids config space writes";
        case Errc::limits_exceeded: return "too many at once";
        case Errc::cancelled: return "the request was cancelled";
        case Errc::deadline_exceeded: return "the deadline passed";
        case Errc::too_large: return "the result is too large for this call";
        case Errc::io: return "the operating system refused the access";
    }
    return "unknown error";
}

Error::Error(Errc code, std::string context, std::source_location where)
    : code_(code), context_(std::move(context)), where_(where) {}

std::string Error::message() const {
    if (context_.empty()) {
        return std::string(describe(code_));
    }
    return context_ + ": " + std::string(describe(code_));
}

Error Error::in(std::string_view prefix) const {
    std::string context(prefix);
    if (!context_.empty()) {
        context += ": " + context_;
    }
    return Error(code_, std::move(context), where_);
}

}  // namespace doed::base
