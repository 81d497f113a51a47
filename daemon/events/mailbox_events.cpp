// SPDX-License-Identifier: Apache-2.0
#include "daemon/events/mailbox_events.hpp"

#include "daemon/bus/errors.hpp"

#include <utility>

namespace doed::daemon {

void MailboxEvents::added() {
    added_ = true;
    state_ = mailbox_->state();
    ownership_ = mailbox_->ownership();
    failure_ = mailbox_->status().failure;
    tell(base::MailboxAddedEvent{.capability_version = mailbox_->capability().version,
                                 .state = state_,
                                 .owner = std::string(to_string(ownership_.owner))});
}

/// A failure is told before the state that it led to, and an owner before the state that it has the mailbox in.
void MailboxEvents::changed() {
    if (!added_) {
        return;
    }
    const auto& failure = mailbox_->status().failure;
    if (std::exchange(failure_, failure) != failure && failure) {
        tell(base::ExchangeFailedEvent{.vendor_id = failure->protocol.vendor_id,
                                       .object_type = failure->protocol.object_type,
                                       .error = std::string(bus::error_name(failure->code)),
                                       .detail = failure->detail});
    }
    const Ownership was = std::exchange(ownership_, mailbox_->ownership());
    if (was.owner != ownership_.owner || was.reason != ownership_.reason) {
        tell(base::OwnerEvent{.from = std::string(to_string(was.owner)),
                              .to = std::string(to_string(ownership_.owner)),
                              .reason = ownership_.reason});
    }
    const std::string before = std::exchange(state_, std::string(mailbox_->state()));
    if (before != state_) {
        tell(base::StateEvent{.from = before, .to = state_});
    }
}

void MailboxEvents::removed() {
    if (std::exchange(added_, false)) {
        tell(base::MailboxRemovedEvent{});
    }
}

void MailboxEvents::cdat_changed(std::uint32_t sequence) {
    if (added_) {
        tell(base::CdatChangedEvent{.sequence = sequence});
    }
}

void MailboxEvents::note(std::string name, std::string text) {
    if (added_) {
        tell(base::DriverSpecificEvent{.name = std::move(name), .text = std::move(text)});
    }
}

void MailboxEvents::tell(base::EventBody body) {
    if (hub_ != nullptr) {
        hub_->tell(mailbox_->address(), mailbox_->capability().offset, std::move(body));
    }
}

}  // namespace doed::daemon
