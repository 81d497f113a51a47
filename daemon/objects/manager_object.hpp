// SPDX-License-Identifier: Apache-2.0
//
// /org/doed1: the interface org.doed1.Manager and the object manager of all that lies below.
#pragma once

#include "daemon/bus/compat.hpp"
#include "daemon/bus/gatekeeper.hpp"
#include "daemon/bus/guard.hpp"
#include "daemon/bus/pump.hpp"
#include "daemon/events/event_hub.hpp"
#include "daemon/ownership.hpp"
#include "doe/protocol.hpp"
#include "manager_adaptor.hpp"

#include <string>
#include <vector>

namespace doed::daemon {

/// A protocol as the bus carries it: vendor id, object type, name.
using BusProtocol = sdbus::Struct<std::uint16_t, std::uint8_t, std::string>;

[[nodiscard]] std::vector<BusProtocol> to_bus(const std::vector<doe::Protocol>& protocols);

class ManagerObject final : private sdbus::AdaptorInterfaces<org::doed1::Manager_adaptor> {
public:
    struct Setup {
        const doe::AllowList& allowed;
        LockdownMode lockdown = LockdownMode::unknown;
        base::Duration default_deadline;  ///< of calls that name none
    };
    /// Connection, pump, gate and events outlive the object.
    ManagerObject(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate,
                  EventHub& events, const Setup& setup);
    ~ManagerObject();

    /// The kernel's lockdown as it was found just now.
    void update(LockdownMode lockdown);

private:
    void Subscribe(sdbus::Result<sdbus::UnixFd>&& result, bus::OptionMap options) override;

    std::string Version() override;
    std::vector<BusProtocol> AllowedProtocols() override;
    std::string Lockdown() override;

    bus::Pump& pump_;
    bus::Gatekeeper& gate_;
    EventHub& events_;
    bus::OwnPresence presence_;
    std::vector<BusProtocol> allowed_;
    LockdownMode lockdown_;
    base::Duration default_deadline_;
};

}  // namespace doed::daemon
