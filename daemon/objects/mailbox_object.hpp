// SPDX-License-Identifier: Apache-2.0
//
// A mailbox object: the interface org.doed1.Mailbox over a ServedMailbox.
#pragma once

#include "daemon/bus/guard.hpp"
#include "daemon/objects/manager_object.hpp"
#include "daemon/served_mailbox.hpp"
#include "mailbox_adaptor.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace doed::daemon {

class MailboxObject final : private sdbus::AdaptorInterfaces<org::doed1::Mailbox_adaptor> {
public:
    MailboxObject(sdbus::IConnection& connection, bus::Pump& pump,
                  std::shared_ptr<ServedMailbox> mailbox, base::Duration default_deadline);
    ~MailboxObject();

    /// Tells the bus which properties differ from `before`.
    void emit_changes(const doe::MailboxStatus& before);

private:
    void Discover(sdbus::Result<std::vector<BusProtocol>>&& result,
                  std::map<std::string, sdbus::Variant> options) override;
    void Reset(sdbus::Result<>&& result, std::map<std::string, sdbus::Variant> options) override;

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

    bus::Pump& pump_;
    std::shared_ptr<ServedMailbox> mailbox_;
    base::Duration default_deadline_;
};

}  // namespace doed::daemon
