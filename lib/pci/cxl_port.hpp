// SPDX-License-Identifier: Apache-2.0
//
// The kernel's CXL ports in sysfs (Documentation/ABI/testing/sysfs-bus-cxl), and the functions that they belong to.
#pragma once

#include "pci/address.hpp"

#include <filesystem>
#include <optional>
#include <string_view>

namespace doed::pci {

/// Whether an entry of the CXL bus is a port: an endpoint's, a switch's or a host bridge's.
[[nodiscard]] bool is_port_name(std::string_view name) noexcept;

/// The function that the port in this folder belongs to: its uport link ends in BDF for a switch, in BDF/memN for an
/// endpoint. Nothing for a host bridge, and for a port that has gone.
[[nodiscard]] std::optional<Address> port_function(const std::filesystem::path& port);

/// The folder of the function's port.
[[nodiscard]] std::optional<std::filesystem::path> find_port(
    const std::filesystem::path& sysfs_root, const Address& address);

}  // namespace doed::pci
