// SPDX-License-Identifier: Apache-2.0
//
// ServedDevice: what the bus and the log get to see of it.
#include "daemon/bus/paths.hpp"
#include "daemon/host_view_reader.hpp"
#include "daemon/kernel_table_reader.hpp"
#include "daemon/served_device.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

/// Null when the kernel owns the mailbox and has no table to show for it. The kernel's table is that of the device:
/// it is shown at the first mailbox.
std::shared_ptr<CdatCache> ServedDevice::make_cache(const Mailbox& mailbox) const {
    const auto& served = *mailbox.served;
    const Owner owner = served.ownership().owner;
    if (is_ours(owner) || owner == Owner::released) {
        return std::make_shared<CdatCache>(
            "mailbox", [weak = std::weak_ptr(mailbox.served), name = served.name()](
                           const bus::MethodOptions& options, auto completion) {
                if (const auto target = weak.lock()) {
                    target->read_cdat(options, std::move(completion));
                } else {
                    completion(base::fail(base::Errc::device_gone, name));
                }
            });
    }
    if (finding_.kernel.cdat_file.empty() ||
        served.capability() != finding_.info.mailboxes.front()) {
        return nullptr;
    }
    const auto reader = std::make_shared<KernelTableReader>(
        context_.loop, context_.workers,
        [opener = context_.opener, device = address()] {
            return opener->open(device, pci::RootFile::kernel_table);
        },
        served.name(), served.ownership().reason);
    return std::make_shared<CdatCache>(
        "kernel", [reader](const bus::MethodOptions& options, auto completion) {
            reader->read(options, std::move(completion));
        });
}

std::shared_ptr<DocumentMaker> ServedDevice::make_documents(const Mailbox& mailbox) const {
    const auto& served = *mailbox.served;
    DocumentMaker::Look look;
    if (context_.sysfs_root) {
        look = [root = *context_.sysfs_root, device = address()] {
            return read_host_view(root, device);
        };
    }
    return std::make_shared<DocumentMaker>(
        context_.loop, context_.workers,
        fmt::format("{}/{:x}", address().to_string(), served.capability().offset), served.name(),
        std::move(look));
}

void ServedDevice::publish(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate) {
    connection_ = &connection;
    pump_ = &pump;
    gate_ = &gate;
    object_ = std::make_unique<DeviceObject>(connection, pump, finding_.info);
    object_->emit_added();
    tell(base::DeviceAddedEvent{.vendor_id = finding_.info.vendor_id,
                                .device_id = finding_.info.device_id,
                                .class_code = finding_.info.class_code});
    for (const auto& mailbox : mailboxes_) {
        publish_mailbox(*mailbox);
    }
}

/// An event of the device itself.
void ServedDevice::tell(base::EventBody body) {
    if (context_.events != nullptr) {
        context_.events->tell(address(), 0, std::move(body));
    }
}

void ServedDevice::publish_mailbox(Mailbox& mailbox) {
    mailbox.object = std::make_unique<MailboxObject>(
        *connection_, *pump_, *gate_, mailbox.served,
        [weak = weak_from_this(), &mailbox](const std::string& client,
                                            const bus::MethodOptions& options, auto completion) {
            if (const auto self = weak.lock()) {
                self->lend(mailbox, client, options, std::move(completion));
            } else {
                completion(base::fail(base::Errc::device_gone));
            }
        },
        context_.config.default_deadline);
    mailbox.object->emit_added();
    mailbox.events.added();
    update_cdat(mailbox);
}

void ServedDevice::mailbox_changed(Mailbox& mailbox) {
    log_error(mailbox);
    if (mailbox.object) {
        mailbox.object->emit_changes();
        mailbox.events.changed();
        update_cdat(mailbox);
    }
    const auto& served = *mailbox.served;
    has_table_ = has_table_ || (served.driven() && served.offers(doe::protocol_table_access));
    if (served.driven() && served.status().state == doe::MailboxState::idle) {
        retry_pause_ = context_.retry_pause_min;
    }
    if (served.driven() && session_ && session_->has_interrupt(served.capability().offset) &&
        served.completion() == doe::to_string(doe::Completion::poll) &&  // of what is still ours
        !std::exchange(mailbox.logged_polling, true)) {
        const std::string text = "its interrupts do not arrive; it is polled from now on";
        context_.log.warning(served.name() + ": " + text);
        mailbox.events.note("polling", text);
    }
    tell_poll_floor(mailbox);
    compare_features();
    context_.changed();
}

/// The pace that a device has taught: whoever wonders why it is slow finds it in the log.
void ServedDevice::tell_poll_floor(Mailbox& mailbox) {
    const auto& served = *mailbox.served;
    const base::Duration now = served.driven() ? served.status().poll_floor : base::Duration{};
    if (now == base::Duration{}) {
        return;
    }
    const base::Duration before = std::exchange(mailbox.told_poll_floor, now);
    if (before == base::Duration{} || before == now) {
        return;
    }
    const auto pause_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    const std::string text =
        now > before ? fmt::format(
                           "it failed to respond; it is left alone for {} us before each look, "
                           "in case that is what it fails from (poll_floor_us)",
                           pause_us)
                     : fmt::format("it is looked at after {} us again", pause_us);
    context_.log.info(served.name() + ": " + text);
    mailbox.events.note("poll-floor", text);
}

/// What a mailbox was lost to may be the host's doing: a device that was removed, a driver, lockdown.
void ServedDevice::log_error(Mailbox& mailbox) {
    const auto& status = mailbox.served->status();
    const bool taken = status.state == doe::MailboxState::kernel;
    const bool lost =
        taken || status.state == doe::MailboxState::dead || status.state == doe::MailboxState::gone;
    if (lost && status.last_error != mailbox.logged_error) {
        mailbox.logged_error = status.last_error;
        const std::string line =
            fmt::format("{} ({})", status.last_error, doe::to_string(status.state));
        taken ? context_.log.info(line) : context_.log.warning(line);
        context_.look();
    } else if (lost) {
        plan_look();
    } else if (status.state == doe::MailboxState::idle) {
        mailbox.logged_error.clear();
    }
}

/// The Cdat interface is there while the mailbox is known to offer it. A mailbox that is being claimed anew keeps it.
void ServedDevice::update_cdat(Mailbox& mailbox) {
    const bool wanted = mailbox.cache && mailbox.served->offers(doe::protocol_table_access) &&
                        context_.config.allowed.find(doe::protocol_table_access).has_value();
    if (mailbox.cdat_object && (!wanted || mailbox.shown_cache != mailbox.cache)) {
        mailbox.cdat_object->emit_removed();
        mailbox.cdat_object->leave(mailbox.served->absence(doe::protocol_table_access));
        mailbox.cdat_object.reset();
        mailbox.shown_cache.reset();
    }
    if (wanted && !mailbox.cdat_object) {
        const auto& served = *mailbox.served;
        mailbox.shown_cache = mailbox.cache;
        mailbox.cdat_object = std::make_unique<CdatObject>(
            *connection_, *pump_, *gate_,
            bus::mailbox_path(served.address(), served.capability().offset), mailbox.cache,
            make_documents(mailbox),
            [&mailbox](std::uint32_t sequence) { mailbox.events.cdat_changed(sequence); },
            served.name(), context_.config.default_deadline);
        mailbox.cdat_object->emit_added();
    }
}

/// What the kernel found when it enumerated the device should be what we find.
void ServedDevice::compare_features() {
    if (features_compared_ || changing_ || finding_.kernel.doe_features.empty() ||
        !is_ours(ownership_.owner) || !std::ranges::all_of(mailboxes_, [](const auto& mailbox) {
            return mailbox->served->driven() &&
                   mailbox->served->status().state == doe::MailboxState::idle;
        })) {
        return;
    }
    features_compared_ = true;
    std::vector<doe::Protocol> discovered;
    for (const auto& mailbox : mailboxes_) {
        std::ranges::copy(mailbox->served->status().features, std::back_inserter(discovered));
    }
    std::ranges::sort(discovered);
    discovered.erase(std::ranges::unique(discovered).begin(), discovered.end());
    if (discovered != finding_.kernel.doe_features) {
        context_.log.warning(fmt::format(
            "{}: discovery finds {} protocols, the kernel's doe_features lists {}",
            address().to_string(), discovered.size(), finding_.kernel.doe_features.size()));
    }
}

void ServedDevice::hide() {
    for (const auto& mailbox : mailboxes_) {
        if (mailbox->cdat_object) {
            mailbox->cdat_object->emit_removed();
            mailbox->cdat_object->leave(mailbox->served->refusal().error());
            mailbox->cdat_object.reset();
        }
        mailbox->events.removed();
        if (mailbox->object) {
            mailbox->object->emit_removed();
            mailbox->object->leave(mailbox->served->refusal().error());
            mailbox->object.reset();
        }
    }
    if (object_) {
        tell(base::DeviceRemovedEvent{});
        object_->emit_removed();
        object_.reset();
    }
}

}  // namespace doed::daemon
