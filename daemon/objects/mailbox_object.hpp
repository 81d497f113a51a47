// SPDX-License-Identifier: Apache-2.0
//
// A mailbox object: the interface org.doed1.Mailbox over a ServedMailbox.
#pragma once

#include "base/unique_fd.hpp"
#include "daemon/bus/guard.hpp"
#include "daemon/objects/manager_object.hpp"
#include "daemon/served_mailbox.hpp"
#include "mailbox_adaptor.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace doed::daemon {

class MailboxObject final : private sdbus::AdaptorInterfaces<org::doed1::Mailbox_adaptor> {
public:
    /// Lends the mailbox to the client of that unique name, within the deadline.
    using Lend = std::function<void(const std::string& client, const bus::MethodOptions& options,
                                    ServedMailbox::Completion<base::UniqueFd> completion)>;

    MailboxObject(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate,
                  std::shared_ptr<ServedMailbox> mailbox, Lend lend,
                  base::Duration default_deadline);
    ~MailboxObject();

    /// Tells the object manager's audience that the object has come, or is about to go.
    void emit_added();
    void emit_removed();
    /// What calls that are still open end with, instead of a result, once the object is gone.
    void leave(base::Error why) const { presence_.leave(std::move(why)); }
    /// Tells the bus which properties differ from when it was told last.
    void emit_changes();

private:
    [[nodiscard]] bus::Gatekeeper::Call call(std::string_view method);
    void Discover(sdbus::Result<std::vector<BusProtocol>>&& result,
                  bus::OptionMap options) override;
    void GetTrace(sdbus::Result<std::string>&& result, bus::OptionMap options) override;
    void Release(sdbus::Result<sdbus::UnixFd>&& result, bus::OptionMap options) override;
    void Reset(sdbus::Result<>&& result, bus::OptionMap options) override;

    std::uint16_t Offset() override;
    std::uint8_t CapabilityVersion() override;
    std::string State() override;
    std::string Owner() override;
    std::string OwnerReason() override;
    std::string Backend() override;
    std::string Completion() override;
    std::vector<BusProtocol> Features() override;
    std::uint32_t QueueLength() override;
    std::uint64_t Exchanges() override;
    std::uint64_t Aborts() override;
    std::uint64_t Timeouts() override;
    std::uint64_t Errors() override;
    std::uint64_t InterruptCompletions() override;
    std::uint64_t PollCompletions() override;
    std::uint64_t ConfigReads() override;
    std::uint64_t ConfigWrites() override;
    std::string LastError() override;

    /// The properties whose changes are told, as texts to compare.
    using Told = std::map<std::string, std::string>;
    [[nodiscard]] Told to_tell();

    bus::Pump& pump_;
    bus::Gatekeeper& gate_;
    bus::OwnPresence presence_;
    std::shared_ptr<ServedMailbox> mailbox_;
    Lend lend_;
    Told told_;
    base::Duration default_deadline_;
};

}  // namespace doed::daemon
