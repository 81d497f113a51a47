// SPDX-License-Identifier: Apache-2.0
//
// A device object: the interface org.doed1.Device.
#pragma once

#include "daemon/bus/pump.hpp"
#include "device_adaptor.hpp"
#include "pci/device_info.hpp"

#include <string>

namespace doed::daemon {

class DeviceObject final : private sdbus::AdaptorInterfaces<org::doed1::Device_adaptor> {
public:
    DeviceObject(sdbus::IConnection& connection, bus::Pump& pump, pci::DeviceInfo info);
    ~DeviceObject();

    /// Tells the object manager's audience that the object has come, or is about to go.
    void emit_added();
    void emit_removed();
    /// The same device, seen again.
    void update(pci::DeviceInfo info);

private:
    std::string Address() override;
    std::uint16_t VendorId() override;
    std::uint16_t DeviceId() override;
    std::uint16_t SubsystemVendorId() override;
    std::uint16_t SubsystemId() override;
    std::uint32_t ClassCode() override;
    std::string Driver() override;
    std::int32_t NumaNode() override;
    std::int32_t IommuGroup() override;

    bus::Pump& pump_;
    pci::DeviceInfo info_;
};

}  // namespace doed::daemon
