// SPDX-License-Identifier: Apache-2.0
//
// The host this process runs on, through the kernel's sysfs: functions are the entries of bus/pci/devices, config space
// is each one's `config` file. A scan looks for DOE capabilities first and reads the attributes of those functions only
// that have one, so the others cost one config read each.
#pragma once

#include "pci/address.hpp"
#include "pci/host.hpp"

#include <string>

namespace doed::pci {

class SysfsHost final : public Host {
public:
    /// `sysfs_root` is where sysfs is mounted, or a tree that looks like it.
    explicit SysfsHost(const std::string& sysfs_root = "/sys");

    [[nodiscard]] std::string_view backend() const override { return "sysfs"; }

    /// Further entries in `problems`: malformed for a capability chain with a defect (what was found before the defect
    /// counts), and one access_denied for all functions whose extended config space this process may not read.
    /// Errors: not_found (no PCI bus below the root), access_denied, io.
    [[nodiscard]] base::Result<std::vector<DeviceInfo>> scan(
        std::vector<base::Error>& problems) override;

    [[nodiscard]] base::Result<std::unique_ptr<ConfigSpace>> open(const Address& address) override;

private:
    [[nodiscard]] std::string device_path(const Address& address) const;
    [[nodiscard]] base::Result<std::vector<Address>> list(std::vector<base::Error>& problems) const;
    [[nodiscard]] base::Result<std::vector<DoeCapability>> find_mailboxes(
        const Address& address, std::vector<base::Error>& problems) const;
    [[nodiscard]] base::Result<DeviceInfo> describe(const Address& address) const;

    std::string devices_path_;
};

}  // namespace doed::pci
