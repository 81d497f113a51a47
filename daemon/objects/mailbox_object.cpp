// SPDX-License-Identifier: Apache-2.0
#include "daemon/objects/mailbox_object.hpp"

#include "base/dbus_names.hpp"
#include "daemon/bus/emit.hpp"
#include "daemon/bus/paths.hpp"
#include "daemon/trace_json.hpp"

#include <utility>

namespace doed::daemon {

using bus::KnownOptions;

MailboxObject::MailboxObject(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate,
                             std::shared_ptr<ServedMailbox> mailbox, Lend lend,
                             base::Duration default_deadline)
    : AdaptorInterfaces(connection, sdbus::ObjectPath(bus::mailbox_path(
                                        mailbox->address(), mailbox->capability().offset))),
      pump_(pump),
      gate_(gate),
      mailbox_(std::move(mailbox)),
      lend_(std::move(lend)),
      told_(to_tell()),
      default_deadline_(default_deadline) {
    registerAdaptor();
}

MailboxObject::~MailboxObject() {
    unregisterAdaptor();
}

void MailboxObject::emit_added() {
    bus::emit(pump_, [&] { bus::emit_interfaces_added(getObject(), names::mailbox_interface); });
}

void MailboxObject::emit_removed() {
    bus::emit(pump_, [&] { bus::emit_interfaces_removed(getObject(), names::mailbox_interface); });
}

MailboxObject::Told MailboxObject::to_tell() {
    std::string features;
    for (const auto& protocol : mailbox_->status().features) {
        features += protocol.to_string() + " ";
    }
    return {{"State", State()},     {"Owner", Owner()},           {"OwnerReason", OwnerReason()},
            {"Backend", Backend()}, {"Completion", Completion()}, {"LastError", LastError()},
            {"Features", features}};
}

void MailboxObject::emit_changes() {
    Told now = to_tell();
    std::vector<std::string> changed;
    for (const auto& [property, value] : now) {
        if (told_[property] != value) {
            changed.push_back(property);
        }
    }
    told_ = std::move(now);
    if (!changed.empty()) {
        bus::emit(pump_, [&] {
            bus::emit_properties_changed(getObject(), names::mailbox_interface, changed);
        });
    }
}

// --- Methods: options, then who asks, then the mailbox, then the answer ---------------------------

/// By whoever has made the call that is handled.
bus::Gatekeeper::Call MailboxObject::call(std::string_view method) {
    return {.client = bus::current_sender(getObject()),
            .method = {names::mailbox_interface, method},
            .subject = mailbox_->name()};
}

void MailboxObject::Discover(sdbus::Result<std::vector<BusProtocol>>&& result,
                             bus::OptionMap options) {
    bus::serve(pump_, presence_, std::move(result), options, KnownOptions::common,
               default_deadline_, [this](const auto& open, const bus::MethodOptions& parsed) {
                   bus::admit(gate_, call("Discover"), open, parsed,
                              [mailbox = mailbox_](const auto& reply, const auto& request) {
                                  mailbox->discover(
                                      request,
                                      [reply](const base::Result<ServedMailbox::Features>& found) {
                                          found ? reply.succeed(to_bus(*found))
                                                : reply.fail(found.error());
                                      });
                              });
               });
}

void MailboxObject::GetTrace(sdbus::Result<std::string>&& result, bus::OptionMap options) {
    bus::serve(
        pump_, presence_, std::move(result), options, KnownOptions::common, default_deadline_,
        [this](const auto& open, const bus::MethodOptions& parsed) {
            // It takes nothing of the device: one who fills the queue must not keep others from looking into it.
            auto asked = call("GetTrace");
            asked.charge = bus::Charge::none;
            bus::admit(
                gate_, asked, open, parsed,
                [mailbox = mailbox_](const auto& reply, const auto& request) {
                    mailbox->trace(request, [reply, mailbox](const base::Result<io::Trace>& trace) {
                        trace ? reply.succeed(trace_json(*mailbox, *trace, ClockPair::now()))
                              : reply.fail(trace.error());
                    });
                });
        });
}

void MailboxObject::Release(sdbus::Result<sdbus::UnixFd>&& result, bus::OptionMap options) {
    const std::string client = bus::current_sender(getObject());
    bus::serve(pump_, presence_, std::move(result), options, KnownOptions::common,
               default_deadline_, [&](const auto& open, const bus::MethodOptions& parsed) {
                   bus::admit(
                       gate_, call("Release"), open, parsed,
                       [mailbox = mailbox_, lend = lend_, client](
                           const auto& reply, const bus::MethodOptions& request) {
                           // A lease that comes when nobody waits any more is dropped, and thereby over.
                           lend(client, request,
                                mailbox->calls().open<base::UniqueFd>(
                                    request.deadline, [reply](base::Result<base::UniqueFd> lease) {
                                        lease ? reply.succeed(sdbus::UnixFd(lease->release(),
                                                                            sdbus::adopt_fd))
                                              : reply.fail(lease.error());
                                    }));
                       });
               });
}

void MailboxObject::Reset(sdbus::Result<>&& result, bus::OptionMap options) {
    bus::serve(pump_, presence_, std::move(result), options, KnownOptions::common,
               default_deadline_, [this](const auto& open, const bus::MethodOptions& parsed) {
                   bus::admit(gate_, call("Reset"), open, parsed,
                              [mailbox = mailbox_](const auto& reply, const auto& request) {
                                  mailbox->reset(request, [reply](const base::Result<void>& done) {
                                      done ? reply.succeed() : reply.fail(done.error());
                                  });
                              });
               });
}

// --- Properties: the last status the mailbox's strand has told of --------------------------------

std::uint16_t MailboxObject::Offset() {
    return mailbox_->capability().offset;
}

std::uint8_t MailboxObject::CapabilityVersion() {
    return mailbox_->capability().version;
}

std::string MailboxObject::State() {
    return std::string(mailbox_->state());
}

std::string MailboxObject::Owner() {
    return std::string(to_string(mailbox_->ownership().owner));
}

std::string MailboxObject::OwnerReason() {
    return mailbox_->ownership().reason;
}

std::string MailboxObject::Backend() {
    return mailbox_->backend();
}

std::string MailboxObject::Completion() {
    return std::string(mailbox_->completion());
}

std::vector<BusProtocol> MailboxObject::Features() {
    return to_bus(mailbox_->status().features);
}

std::uint32_t MailboxObject::QueueLength() {
    return mailbox_->status().queue_length;
}

std::uint64_t MailboxObject::Exchanges() {
    return mailbox_->status().counters.exchanges;
}

std::uint64_t MailboxObject::Aborts() {
    return mailbox_->status().counters.aborts;
}

std::uint64_t MailboxObject::Timeouts() {
    return mailbox_->status().counters.timeouts;
}

std::uint64_t MailboxObject::Errors() {
    return mailbox_->status().counters.errors;
}

std::uint64_t MailboxObject::InterruptCompletions() {
    return mailbox_->status().counters.interrupt_completions;
}

std::uint64_t MailboxObject::PollCompletions() {
    return mailbox_->status().counters.poll_completions;
}

std::uint64_t MailboxObject::ConfigReads() {
    return mailbox_->status().counters.config_reads;
}

std::uint64_t MailboxObject::ConfigWrites() {
    return mailbox_->status().counters.config_writes;
}

std::string MailboxObject::LastError() {
    return mailbox_->status().last_error;
}

}  // namespace doed::daemon
