// SPDX-License-Identifier: Apache-2.0
//
// A host with one function that is bound to vfio-pci: directories that look like /sys and /dev, and the kernel behind
// them. It offers neither way to the function until a test says which.
#pragma once

#include "pci/direct_opener.hpp"
#include "support/fake_vfio_kernel.hpp"
#include "unit/pci/config_image.hpp"
#include "unit/pci/temporary_directory.hpp"

#include <filesystem>
#include <string>

namespace doed::test {

class FakeVfioHost {
public:
    static constexpr pci::Address address{.bus = 0x0D};

    FakeVfioHost() {
        std::filesystem::create_directories(device_dir());
        std::filesystem::create_directories(dev() / "vfio/devices");
        directory_.write("sys/bus/pci/devices/" + address.to_string() + "/config",
                         pci::ConfigImage().extended(0x100, 0x2E, 1, 0).bytes());
    }

    [[nodiscard]] pci::VfioPaths paths() const {
        return {.sysfs_root = sysfs().string(), .dev_root = dev().string()};
    }
    [[nodiscard]] base::Result<std::shared_ptr<pci::VfioDevice>> open() {
        return pci::VfioDevice::open(address, opener, paths(), kernel);
    }

    /// The kernel has a character device for the function; its node need not be there.
    void add_cdev(bool node = true) const {
        std::filesystem::create_directories(device_dir() / "vfio-dev/vfio0");
        if (node) {
            directory_.write("dev/vfio/devices/vfio0", "");
        }
    }
    /// The function is in IOMMU group 12.
    void add_group() const {
        std::filesystem::create_directories(group_dir());
        std::filesystem::create_symlink("../../../../kernel/iommu_groups/12",
                                        device_dir() / "iommu_group");
        add_to_group(address.to_string(), "vfio-pci");
    }
    /// Another function of that group, with its driver; an empty one is none.
    void add_to_group(const std::string& function, const std::string& driver) const {
        std::filesystem::create_directories(group_dir() / function);
        if (!driver.empty()) {
            std::filesystem::create_symlink("../../../../bus/pci/drivers/" + driver,
                                            group_dir() / function / "driver");
        }
    }
    /// The group is offered without an IOMMU.
    void add_noiommu_node() const { directory_.write("dev/vfio/noiommu-12", ""); }

private:
    [[nodiscard]] std::filesystem::path sysfs() const { return directory_.path() / "sys"; }
    [[nodiscard]] std::filesystem::path dev() const { return directory_.path() / "dev"; }
    [[nodiscard]] std::filesystem::path device_dir() const {
        return sysfs() / "bus/pci/devices" / address.to_string();
    }
    [[nodiscard]] std::filesystem::path group_dir() const {
        return sysfs() / "kernel/iommu_groups/12/devices";
    }

    pci::TemporaryDirectory directory_;

public:
    FakeVfioKernel kernel{dev().string(), address.to_string()};
    pci::DirectOpener opener{paths(), kernel};
};

}  // namespace doed::test
