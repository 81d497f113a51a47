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

ManagerObject::ManagerObject(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate,
                             EventHub& events, const Setup& setup)
    : AdaptorInterfaces(connection, sdbus::ObjectPath(names::root_path)),
      pump_(pump),
      gate_(gate),
      events_(events),
      lockdown_(setup.lockdown),
      default_deadline_(setup.default_deadline) {
    std::vector<doe::Protocol> protocols;
    for (const auto& entry : setup.allowed.entries()) {
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

/// It takes nothing of a device: what a user may have is counted by the hub.
void ManagerObject::Subscribe(sdbus::Result<sdbus::UnixFd>&& result, bus::OptionMap options) {
    bus::serve(
        pump_, presence_, std::move(result), options, bus::KnownOptions::common, default_deadline_,
        [this](const auto& open, const bus::MethodOptions& parsed) {
            const bus::Gatekeeper::Call call{.client = bus::current_sender(getObject()),
                                             .method = {names::manager_interface, "Subscribe"},
                                             .subject = "events",
                                             .charge = bus::Charge::none};
            bus::admit(gate_, call, open, parsed,
                       [&events = events_](const auto& reply, const bus::MethodOptions& request) {
                           auto subscribed = events.subscribe(request.request->uid());
                           subscribed ? reply.succeed(
                                            sdbus::UnixFd(subscribed->release(), sdbus::adopt_fd))
                                      : reply.fail(subscribed.error());
                       });
        });
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
