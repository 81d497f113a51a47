// SPDX-License-Identifier: Apache-2.0
#include "daemon/opener/policy.hpp"

#include "daemon/kernel_view.hpp"

#include <utility>

namespace doed::daemon::opener {

Policy::Policy(pci::Opener& files, const Config& config, std::filesystem::path sysfs_root)
    : files_(files), config_(config), sysfs_root_(std::move(sysfs_root)) {}

base::Result<base::UniqueFd> Policy::open(const pci::Address& address, pci::RootFile file) {
    if (const auto permitted = permit(address, file); !permitted) {
        return std::unexpected(permitted.error());
    }
    auto opened = files_.open(address, file);
    // The function may have been taken, or another one have come to its place, since it was looked at.
    if (const auto still = permit(address, file); !still) {
        return std::unexpected(still.error());
    }
    return opened;
}

base::Result<void> Policy::permit(const pci::Address& address, pci::RootFile file) {
    const OwnerChoice choice = config_.device(address).owner;
    if (file == pci::RootFile::kernel_table && choice != OwnerChoice::ignore) {
        return {};
    }
    const auto found = files_.find(address);
    if (!found) {
        return std::unexpected(found.error());
    }
    const auto kernel = KernelView::read(sysfs_root_);
    const auto owned = decide_ownership(
        ownership_facts(kernel.of(address), found->config_writable, kernel.lockdown(), choice));
    // What a doed that has crashed left pinned is put back also when the kernel has the device now.
    if (file == pci::RootFile::power_control && choice != OwnerChoice::ignore &&
        (owned.owner == Owner::daemon || owned.owner == Owner::kernel)) {
        return {};
    }
    const Owner wanted = file == pci::RootFile::config ? Owner::daemon : Owner::vfio;
    if (owned.owner != wanted || file == pci::RootFile::kernel_table ||
        file == pci::RootFile::power_control) {
        return base::fail(is_ours(owned.owner) ? base::Errc::access_denied : owned.refusal,
                          owned.reason);
    }
    return {};
}

}  // namespace doed::daemon::opener
