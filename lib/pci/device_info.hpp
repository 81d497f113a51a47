// SPDX-License-Identifier: Apache-2.0
//
// What a scan of the host tells about a PCI function and its DOE capabilities.
#pragma once

#include "pci/address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace doed::pci {

/// One DOE extended capability (id 0x002E) of a function.
struct DoeCapability {
    std::uint16_t offset = 0;  ///< byte offset in config space
    std::uint8_t version = 0;  ///< capability version, bits 19:16 of its header

    friend bool operator==(const DoeCapability&, const DoeCapability&) = default;
};

/// What is known of a function without driving it.
struct DeviceInfo {
    Address address;
    /// Of the host's registration of the function: another one when it was removed and found again. 0: the host does not tell.
    std::uint64_t identity = 0;
    std::uint16_t vendor_id = 0;
    std::uint16_t device_id = 0;
    std::uint16_t subsystem_vendor_id = 0;  ///< 0 for bridges
    std::uint16_t subsystem_id = 0;         ///< 0 for bridges
    std::uint32_t class_code = 0;           ///< 24 bits: base class, subclass, interface
    std::string driver;                     ///< bound kernel driver, empty when none
    std::int32_t numa_node = -1;            ///< -1: the host names none
    std::optional<std::uint32_t> iommu_group;
    std::vector<DoeCapability> mailboxes;  ///< by ascending offset
    bool config_writable = true;           ///< as far as file permissions tell
};

/// Whether both may be the same function, seen twice, and never away in between: what is wired into it is equal.
[[nodiscard]] inline bool same_function(const DeviceInfo& one, const DeviceInfo& other) {
    const auto wired = [](const DeviceInfo& info) {
        return std::tie(info.address, info.identity, info.vendor_id, info.device_id,
                        info.subsystem_vendor_id, info.subsystem_id, info.class_code,
                        info.mailboxes);
    };
    return wired(one) == wired(other);
}

}  // namespace doed::pci
