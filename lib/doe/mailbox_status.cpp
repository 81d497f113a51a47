// SPDX-License-Identifier: Apache-2.0
#include "doe/mailbox_status.hpp"

namespace doed::doe {

std::string_view to_string(MailboxState state) noexcept {
    switch (state) {
        case MailboxState::starting: return "starting";
        case MailboxState::idle: return "idle";
        case MailboxState::busy: return "busy";
        case MailboxState::aborting: return "aborting";
        case MailboxState::dead: return "dead";
        case MailboxState::kernel: return "kernel";
        case MailboxState::gone: return "gone";
        case MailboxState::closed: return "closed";
    }
    return "unknown";
}

std::string_view to_string(Completion completion) noexcept {
    return completion == Completion::interrupt ? "interrupt" : "poll";
}

}  // namespace doed::doe
