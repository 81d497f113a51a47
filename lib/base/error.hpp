// SPDX-License-Identifier: Apache-2.0
//
// Every way something can go wrong outside this code base: what a device, a client, the host or time did. Each code
// has one sentence (describe) and, on the bus, one name (daemon/bus/errors.hpp). Bugs are not errors: see assert.hpp.
#pragma once

#include <source_location>
#include <string>
#include <string_view>

namespace doed::base {

enum class Errc {
    invalid_argument,  ///< the caller's argument, option or file is wrong
    not_found,         ///< no such device, mailbox or file
    access_denied,     ///< the caller (or this process) may not do that
    not_supported,     ///< the mailbox does not offer this protocol or feature
    not_allowed,       ///< the protocol is not on the allow-list
    kernel_owned,      ///< the kernel drives this mailbox; only its results are served
    released,          ///< the mailbox is lent to another program
    busy,     ///< the mailbox keeps Busy set (PCIe r6.2 6.30.3), or another program has the device
    timeout,  ///< the device gave no response in time
    aborted,  ///< the exchange was aborted before its response was complete
    device_error,     ///< the device set the Error bit
    malformed,        ///< the device sent something the specification forbids
    dead,             ///< abort failed: the mailbox does not react any more
    device_gone,      ///< the device was removed or does not answer config reads
    lockdown,         ///< kernel lockdown forbids config space writes
    limits_exceeded,  ///< a queue or quota is full, or there are as many of something as there may be
    cancelled,        ///< the caller withdrew the request, or the service is stopping
    deadline_exceeded,  ///< the caller's own deadline passed
    too_large,          ///< the result does not fit the way it was asked for
    io,                 ///< the operating system refused an access
};

/// One sentence on what the code means, for people; no trailing period.
std::string_view describe(Errc code) noexcept;

/// An error value: the code, what it was about ("0000:0d:00.0 mailbox 0x190: ..."), and where it was raised.
class Error {
public:
    explicit Error(Errc code, std::string context = {},
                   std::source_location where = std::source_location::current());

    [[nodiscard]] Errc code() const noexcept { return code_; }
    [[nodiscard]] const std::string& context() const noexcept { return context_; }
    [[nodiscard]] const std::source_location& where() const noexcept { return where_; }

    /// "<context>: <sentence>", or the sentence alone when there is no context.
    [[nodiscard]] std::string message() const;

    /// The same error seen from further out: `prefix` is put before the context.
    [[nodiscard]] Error in(std::string_view prefix) const;

private:
    Errc code_;
    std::string context_;
    std::source_location where_;
};

}  // namespace doed::base
