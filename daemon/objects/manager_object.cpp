// SPDX-License-Identifier: Apache-2.0
#include "daemon/objects/manager_object.hpp"

#include "base/dbus_names.hpp"
#include "daemon/bus/emit.hpp"

#include <utility>

namespace doed::daemon {

std::vector<BusProtocol> to_bus(const std::vector<doe::Protocol>& protocols) {
    std::vector<BusProtocol> result;
    result.reserve(protocols.size());
    for (const auto& protocol : protocols) {
        result.emplace_back(protocol.vendor_id, protocol.object_type, std::string(protocol.name()));
    }
    return result;
}

ManagerObject::ManagerObject(sdbus::IConnection& connection, bus::Pump& pump,
                             const doe::AllowList& allowed, LockdownMode lockdown)
    : AdaptorInterfaces(connection, sdbus::ObjectPath(names::root_path)),
      pump_(pump),
      lockdown_(lockdown) {
    std::vector<doe::Protocol> protocols;
    for (const auto& entry : allowed.entries()) {
        protocols.push_back(entry.protocol);
    }
    allowed_ = to_bus(protocols);
    registerAdaptor();
    getObject().addObjectManager();
}

ManagerObject::~ManagerObject() {
    unregisterAdaptor();
}

void ManagerObject::update(LockdownMode lockdown) {
    if (std::exchange(lockdown_, lockdown) != lockdown) {
        bus::emit(pump_, [&] {
            bus::emit_properties_changed(getObject(), names::manager_interface, {"Lockdown"});
        });
    }
}

std::string ManagerObject::Version() {
    return DOED_VERSION;
}

std::vector<BusProtocol> ManagerObject::AllowedProtocols() {
    return allowed_;
}

std::string ManagerObject::Lockdown() {
    return std::string(to_string(lockdown_));
}

}  // namespace doed::daemon
