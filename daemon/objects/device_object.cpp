// SPDX-License-Identifier: Apache-2.0
#include "daemon/objects/device_object.hpp"

#include "base/dbus_names.hpp"
#include "daemon/bus/emit.hpp"
#include "daemon/bus/paths.hpp"

#include <utility>

namespace doed::daemon {

DeviceObject::DeviceObject(sdbus::IConnection& connection, bus::Pump& pump, pci::DeviceInfo info)
    : AdaptorInterfaces(connection, sdbus::ObjectPath(bus::device_path(info.address))),
      pump_(pump),
      info_(std::move(info)) {
    registerAdaptor();
}

DeviceObject::~DeviceObject() {
    unregisterAdaptor();
}

void DeviceObject::emit_added() {
    bus::emit(pump_, [&] { bus::emit_interfaces_added(getObject(), names::device_interface); });
}

void DeviceObject::emit_removed() {
    bus::emit(pump_, [&] { bus::emit_interfaces_removed(getObject(), names::device_interface); });
}

void DeviceObject::update(pci::DeviceInfo info) {
    const bool driver_changed = info.driver != info_.driver;
    info_ = std::move(info);
    if (driver_changed) {
        bus::emit(pump_, [&] {
            bus::emit_properties_changed(getObject(), names::device_interface, {"Driver"});
        });
    }
}

std::string DeviceObject::Address() {
    return info_.address.to_string();
}

std::uint16_t DeviceObject::VendorId() {
    return info_.vendor_id;
}

std::uint16_t DeviceObject::DeviceId() {
    return info_.device_id;
}

std::uint16_t DeviceObject::SubsystemVendorId() {
    return info_.subsystem_vendor_id;
}

std::uint16_t DeviceObject::SubsystemId() {
    return info_.subsystem_id;
}

std::uint32_t DeviceObject::ClassCode() {
    return info_.class_code;
}

std::string DeviceObject::Driver() {
    return info_.driver;
}

std::int32_t DeviceObject::NumaNode() {
    return info_.numa_node;
}

std::int32_t DeviceObject::IommuGroup() {
    return info_.iommu_group ? static_cast<std::int32_t>(*info_.iommu_group) : -1;
}

}  // namespace doed::daemon
