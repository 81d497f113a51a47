// SPDX-License-Identifier: Apache-2.0
//
// One PCI function taken through VFIO: by its character device and iommufd where the kernel has that, else by its group
// and a container. While it lives nobody else can open the function. Opening resets it (the kernel tries a function
// reset) and clears Bus Master; closing resets it again.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "pci/address.hpp"
#include "pci/config_space.hpp"
#include "pci/opener.hpp"
#include "pci/vfio_kernel.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace doed::pci {

/// Where VFIO is found.
struct VfioPaths {
    std::string sysfs_root = "/sys";
    std::string dev_root = "/dev";
};

/// The interrupt indices of a PCI function that are used here (<linux/vfio.h>).
enum class VfioInterrupt : std::uint8_t { msi, msix, error, request };

/// Thread safe: its mailboxes live on different strands.
class VfioDevice {
public:
    /// Takes the function at `address`, which is bound to vfio-pci and has a mailbox. Errors, each saying what a person can do:
    /// not_found (vfio is not there), access_denied, busy (somebody else has it), not_supported (no IOMMU), io.
    [[nodiscard]] static base::Result<std::shared_ptr<VfioDevice>> open(
        const Address& address, Opener& opener, const VfioPaths& paths,
        VfioKernel& kernel = VfioKernel::system());

    VfioDevice(const VfioDevice&) = delete;
    VfioDevice& operator=(const VfioDevice&) = delete;
    ~VfioDevice() = default;

    /// "cdev" or "group": how it was opened.
    [[nodiscard]] std::string_view access() const noexcept { return access_; }

    /// One dword of config space. Errors: device_gone, io; unlike sysfs, VFIO tells when an access failed.
    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset);
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value);

    /// How many vectors the function has of a kind; 0 when none.
    [[nodiscard]] std::uint32_t vector_count(VfioInterrupt kind);
    /// Arms vectors 0 to eventfds.size()-1 of a kind that is not armed; -1 arms none at that place. All or none; errors:
    /// not_supported (the host has fewer vectors left), busy, io.
    [[nodiscard]] base::Result<void> arm(VfioInterrupt kind, std::span<const int> eventfds);
    /// Disarms a kind. Not armed is no error.
    [[nodiscard]] base::Result<void> disarm(VfioInterrupt kind);

private:
    VfioDevice(VfioKernel& kernel, std::string name) : kernel_(kernel), name_(std::move(name)) {}

    /// Puts one of the function's files into its place.
    using Opening = std::function<base::Result<void>(RootFile, base::UniqueFd&)>;

    [[nodiscard]] base::Result<void> open_cdev(const Opening& open, const std::string& node,
                                               const std::string& device_dir);
    [[nodiscard]] base::Result<void> open_group(const Opening& open, const std::string& device_dir,
                                                const VfioPaths& paths);
    [[nodiscard]] base::Result<void> find_config_region();

    VfioKernel& kernel_;
    std::string name_;  ///< the address, for errors
    std::string_view access_;
    // Closed in the reverse order: the device before what it was opened from.
    base::UniqueFd container_or_iommufd_;
    base::UniqueFd group_;
    base::UniqueFd device_;
    std::uint64_t config_offset_ = 0;
    std::uint64_t config_size_ = 0;
};

/// The ConfigSpace of one mailbox over a device that somebody else owns; device_gone once that one has given it back.
class VfioConfigSpace final : public ConfigSpace {
public:
    explicit VfioConfigSpace(const std::shared_ptr<VfioDevice>& device) noexcept
        : device_(device) {}

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        const auto device = device_.lock();
        return device ? device->read32(offset)
                      : base::fail(base::Errc::device_gone, "given back to VFIO");
    }
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        const auto device = device_.lock();
        return device ? device->write32(offset, value)
                      : base::fail(base::Errc::device_gone, "given back to VFIO");
    }

private:
    std::weak_ptr<VfioDevice> device_;
};

}  // namespace doed::pci
