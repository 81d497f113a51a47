// SPDX-License-Identifier: Apache-2.0
//
// What the kernel's CXL core shows of a memory device in sysfs: its name, the regions of host memory that it is a part of,
// and how far and fast the kernel takes them to be (Documentation/ABI/testing/sysfs-bus-cxl: regionZ/accessY, since
// Linux 6.10; sysfs-devices-node: nodeX/access0/initiators).
#pragma once

#include "cdat/host_view.hpp"
#include "pci/address.hpp"

#include <filesystem>

namespace doed::daemon {

/// Empty when the kernel has no memory device for the function. Reads sysfs, which may block: not for the bus loop.
[[nodiscard]] cdat::HostView read_host_view(const std::filesystem::path& sysfs_root,
                                            const pci::Address& address);

}  // namespace doed::daemon
