// SPDX-License-Identifier: Apache-2.0
//
// The host this process runs on, through the kernel's sysfs: functions are the entries of bus/pci/devices, config space
// is each one's `config` file. A scan looks for DOE capabilities first and reads the attributes of those functions only
// that have one, so the others cost one config read each. That is done once for each function: its capabilities do not
// change while the kernel has it, and its config space may be in somebody else's hands by then.
#pragma once

#include "pci/address.hpp"
#include "pci/host.hpp"
#include "pci/opener.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace doed::pci {

class SysfsHost final : public Host {
public:
    /// `sysfs_root` is where sysfs is mounted, or a tree that looks like it. `opener` outlives the host.
    SysfsHost(const std::string& sysfs_root, Opener& opener);

    [[nodiscard]] std::string_view backend() const override { return "sysfs"; }

    /// Further entries in `problems`: malformed for a capability chain with a defect (what was found before the defect
    /// counts), and one access_denied for all functions whose extended config space this process may not read. No config
    /// space is opened of a function that an earlier scan has walked to the sound end of its chain.
    /// Errors: not_found (no PCI bus below the root), access_denied, io.
    [[nodiscard]] base::Result<std::vector<DeviceInfo>> scan(
        std::vector<base::Error>& problems) override;

    [[nodiscard]] base::Result<std::unique_ptr<ConfigSpace>> open(const Address& address) override;

private:
    struct Walked {
        std::uint64_t identity = 0;
        FoundMailboxes found;
    };

    [[nodiscard]] std::string device_path(const Address& address) const;
    [[nodiscard]] base::Result<std::vector<Address>> list(std::vector<base::Error>& problems) const;
    [[nodiscard]] std::uint64_t identity_of(const Address& address) const;
    [[nodiscard]] base::Result<FoundMailboxes> mailboxes_of(const Address& address,
                                                            std::uint64_t identity,
                                                            std::vector<base::Error>& problems);
    [[nodiscard]] base::Result<DeviceInfo> describe(const Address& address) const;

    std::string devices_path_;
    Opener& opener_;
    std::map<Address, Walked> walked_;  ///< functions that were there at the last scan
};

}  // namespace doed::pci
