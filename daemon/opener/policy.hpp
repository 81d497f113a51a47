// SPDX-License-Identifier: Apache-2.0
//
// What the opener hands out, decided by itself: from the host as it is now and from the configuration, as doed decides who
// owns a device. A doed that somebody has taken over gets no more than one in good order.
#pragma once

#include "daemon/config.hpp"
#include "pci/opener.hpp"

#include <filesystem>

namespace doed::daemon::opener {

class Policy final : public pci::Opener {
public:
    /// All are outlived by what they are given to. `sysfs_root` is where the kernel shows itself.
    Policy(pci::Opener& files, const Config& config, std::filesystem::path sysfs_root);

    [[nodiscard]] base::Result<pci::FoundMailboxes> find(const pci::Address& address) override {
        return files_.find(address);
    }
    /// Config space where doed drives the device through it, VFIO's files where it drives it through VFIO, the kernel's table
    /// where the configuration does not say ignore, power/control where doed or the kernel drives the device. Further error: access_denied
    /// and the owner's own refusal, with what stands against it.
    [[nodiscard]] base::Result<base::UniqueFd> open(const pci::Address& address,
                                                    pci::RootFile file) override;

private:
    [[nodiscard]] base::Result<void> permit(const pci::Address& address, pci::RootFile file);

    pci::Opener& files_;
    const Config& config_;
    std::filesystem::path sysfs_root_;
};

}  // namespace doed::daemon::opener
