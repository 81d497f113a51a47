// SPDX-License-Identifier: Apache-2.0
//
// One look at the host: the devices with mailboxes, and what the kernel shows of its own use of them. Blocks, hence made
// on a worker (and once before the loop runs).
#pragma once

#include "daemon/kernel_view.hpp"
#include "pci/host.hpp"

#include <filesystem>
#include <optional>
#include <vector>

namespace doed::daemon {

struct DeviceFinding {
    pci::DeviceInfo info;
    KernelFacts kernel;
    LockdownMode lockdown = LockdownMode::unknown;
};

struct HostFindings {
    std::vector<DeviceFinding> devices;  ///< by ascending address
    std::vector<base::Error> problems;   ///< of single devices
    LockdownMode lockdown = LockdownMode::unknown;

    /// `sysfs_root` is where the kernel shows itself; nothing for a host that has no kernel. Error: that of the scan. One look at
    /// a time.
    [[nodiscard]] static base::Result<HostFindings> look(
        pci::Host& host, const std::optional<std::filesystem::path>& sysfs_root);
};

}  // namespace doed::daemon
