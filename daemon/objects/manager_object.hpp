// SPDX-License-Identifier: Apache-2.0
//
// /org/doed1: the interface org.doed1.Manager and the object manager of all that lies below.
#pragma once

#include "daemon/bus/compat.hpp"
#include "daemon/bus/pump.hpp"
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
    ManagerObject(sdbus::IConnection& connection, bus::Pump& pump, const doe::AllowList& allowed,
                  LockdownMode lockdown);
    ~ManagerObject();

    /// The kernel's lockdown as it was found just now.
    void update(LockdownMode lockdown);

private:
    std::string Version() override;
    std::vector<BusProtocol> AllowedProtocols() override;
    std::string Lockdown() override;

    bus::Pump& pump_;
    std::vector<BusProtocol> allowed_;
    LockdownMode lockdown_;
};

}  // namespace doed::daemon
