// SPDX-License-Identifier: Apache-2.0
//
// What subscribers are told of one mailbox: its coming and going, and whatever differs from what they were told last. A mailbox
// that is not on the bus has no events. Bus loop only.
#pragma once

#include "daemon/events/event_hub.hpp"
#include "daemon/served_mailbox.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace doed::daemon {

class MailboxEvents {
public:
    /// `hub` outlives the object; null: there is nobody to tell.
    MailboxEvents(EventHub* hub, std::shared_ptr<const ServedMailbox> mailbox)
        : hub_(hub), mailbox_(std::move(mailbox)) {}

    /// It is on the bus; its properties are those that GetManagedObjects tells now.
    void added();
    /// Its status or owner may have changed.
    void changed();
    /// It is about to leave the bus.
    void removed();

    /// Another table, or the first one.
    void cdat_changed(std::uint32_t sequence);
    /// `name`: for programs; `text`: for people.
    void note(std::string name, std::string text);

private:
    void tell(base::EventBody body);

    EventHub* hub_;
    std::shared_ptr<const ServedMailbox> mailbox_;
    bool added_ = false;

    // As it was told last.
    std::string state_;
    Ownership ownership_;
    std::shared_ptr<const doe::ExchangeFailure> failure_;
};

}  // namespace doed::daemon
