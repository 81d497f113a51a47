// SPDX-License-Identifier: Apache-2.0
#include "daemon/opener/policy.hpp"

#include "daemon/kernel_view.hpp"

#include <utility>

namespace doed::daemon::opener {

namespace {

/// Whether doed needs it of a function of this owner.
bool has_use_for(pci::RootFile file, Owner owner) {
    switch (file) {
        case pci::RootFile::config: return owner == Owner::daemon;
        // What a doed that crashed left pinned is put back also when the kernel has the function now.
        case pci::RootFile::power_control: return owner == Owner::daemon || owner == Owner::kernel;
        case pci::RootFile::vfio_container:
        case pci::RootFile::vfio_group:
        case pci::RootFile::iommufd:
        case pci::RootFile::vfio_device: return owner == Owner::vfio;
        case pci::RootFile::kernel_table: break;  // of any function that is not to be ignored
    }
    return false;
}

}  // namespace

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
    // Reading the kernel's copy does not touch the function, whoever drives it.
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
    if (!has_use_for(file, owned.owner)) {
        return base::fail(is_ours(owned.owner) ? base::Errc::access_denied : owned.refusal,
                          owned.reason);
    }
    return {};
}

}  // namespace doed::daemon::opener
