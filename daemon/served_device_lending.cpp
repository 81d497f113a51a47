// SPDX-License-Identifier: Apache-2.0
//
// ServedDevice: what it lends to an operator's program, and takes back.
#include "daemon/served_device.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

void ServedDevice::lend(Mailbox& mailbox, const std::string& client,
                        const bus::MethodOptions& options, LeaseCompletion completion) {
    if (mailbox.lending == Lending::lent) {
        // Who comes right after the end of a lease may be here before the news of it.
        context_.leases.look(address(), mailbox.served->capability().offset);
    }
    if (closing_ || !mailbox.served->driven()) {
        lend_once_driven(mailbox, client, options, std::move(completion));
        return;
    }
    const auto& status = mailbox.served->status();
    if (status.state == doe::MailboxState::kernel || status.state == doe::MailboxState::gone) {
        // Another's already, or nobody's: the host has not been looked at yet.
        const bool taken = status.state == doe::MailboxState::kernel;
        completion(base::fail(taken ? base::Errc::kernel_owned : base::Errc::device_gone,
                              mailbox.served->name()));
        return;
    }
    mailbox.lending = Lending::letting_go;
    assign(mailbox, Ownership{Owner::released, "lent to " + client, base::Errc::released});
    mailbox.served->stop(base::Errc::released, [self = shared_from_this(), &mailbox, client,
                                                completion = std::move(completion)]() mutable {
        self->grant(mailbox, client, std::move(completion));
    });
}

/// Lends what is ours and about to be driven when it is, within the deadline; refuses the rest.
void ServedDevice::lend_once_driven(Mailbox& mailbox, const std::string& client,
                                    const bus::MethodOptions& options, LeaseCompletion completion) {
    auto resume = [weak = weak_from_this(), &mailbox, client, options,
                   completion = std::move(completion)](const base::Result<void>& driven) mutable {
        const auto self = weak.lock();
        if (!driven || !self) {
            completion(driven ? base::fail(base::Errc::cancelled)
                              : std::unexpected(driven.error()));
            return;
        }
        // Not from within the change that has begun to drive it.
        boost::asio::post(self->context_.loop, [self, &mailbox, client, options,
                                                completion = std::move(completion)]() mutable {
            self->lend(mailbox, client, options, std::move(completion));
        });
    };
    mailbox.served->await_drive(options, std::move(resume));
}

void ServedDevice::grant(Mailbox& mailbox, const std::string& client, LeaseCompletion completion) {
    if (closing_) {
        completion(base::fail(closing_why_, mailbox.served->name()));
        return;
    }
    if (changing_ || (session_ && gives_back_for(mailbox))) {
        after_change_.emplace_back([self = shared_from_this(), &mailbox, client,
                                    completion = std::move(completion)]() mutable {
            self->grant(mailbox, client, std::move(completion));
        });
        if (!std::exchange(changing_, true)) {
            drop_session([self = shared_from_this()] { self->settle(); });
        }
        return;
    }
    if (!is_ours(decided_.owner)) {
        mailbox.lending = Lending::no;
        assign(mailbox, ownership_);
        completion(mailbox.served->refusal());
        return;
    }
    auto lease = context_.leases.grant(address(), mailbox.served->capability().offset, client,
                                       when_ended(mailbox));
    if (!lease) {
        completion(std::unexpected(lease.error().in(mailbox.served->name())));
        lease_ended(mailbox);
        return;
    }
    mailbox.lending = Lending::lent;
    context_.log.info(fmt::format("{} is lent to {}", mailbox.served->name(), client));
    completion(std::move(*lease));
}

/// A lease that an earlier doed gave, or that was given before the device went and came back.
void ServedDevice::resume_lease(Mailbox& mailbox) {
    const auto holder =
        context_.leases.resume(address(), mailbox.served->capability().offset, when_ended(mailbox));
    if (!holder) {
        return;
    }
    mailbox.lending = Lending::lent;
    context_.log.info(fmt::format("{} is still lent to {}", mailbox.served->name(), *holder));
    assign(mailbox, Ownership{Owner::released, "lent to " + *holder, base::Errc::released});
}

LeaseRegistry::Ended ServedDevice::when_ended(Mailbox& mailbox) {
    return [weak = weak_from_this(), &mailbox] {
        if (const auto device = weak.lock()) {
            device->lease_ended(mailbox);
        }
    };
}

/// A device whose mailboxes are all lent is given back, so that its borrower may open it as it likes. Not through VFIO when
/// there are several: giving it back resets it, under the borrower of the first.
bool ServedDevice::gives_back_for(const Mailbox& mailbox) const {
    return all_lent() && (decided_.owner != Owner::vfio || mailboxes_.size() == 1) &&
           std::ranges::none_of(mailboxes_, [&mailbox](const auto& other) {
               return other.get() != &mailbox && other->lending == Lending::letting_go;
           });
}

bool ServedDevice::any_lent() const {
    return std::ranges::any_of(mailboxes_,
                               [](const auto& mailbox) { return mailbox->lending != Lending::no; });
}

bool ServedDevice::all_lent() const {
    return std::ranges::all_of(mailboxes_,
                               [](const auto& mailbox) { return mailbox->lending != Lending::no; });
}

void ServedDevice::lease_ended(Mailbox& mailbox) {
    mailbox.lending = Lending::no;
    if (closing_) {
        return;
    }
    context_.log.info(mailbox.served->name() + " is back");
    assign(mailbox, ownership_);
    open_wanted_ = true;
    if (!changing_) {
        reconsider();
    }
}

}  // namespace doed::daemon
