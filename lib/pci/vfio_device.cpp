// SPDX-License-Identifier: Apache-2.0
#include "pci/vfio_device.hpp"

#include "base/assert.hpp"
#include "pci/hex.hpp"
#include "pci/sysfs_attribute.hpp"
#include "pci/vfio_nodes.hpp"
#include "pci/vfio_uapi.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace doed::pci {

namespace {

using base::Errc;

constexpr std::string_view remapping_missing = " (interrupt remapping may be missing)";
constexpr std::string_view being_reset = " (it is being reset: try again)";

std::uint32_t index_of(VfioInterrupt kind) {
    switch (kind) {
        case VfioInterrupt::msi: return VFIO_PCI_MSI_IRQ_INDEX;
        case VfioInterrupt::msix: return VFIO_PCI_MSIX_IRQ_INDEX;
        case VfioInterrupt::error: return VFIO_PCI_ERR_IRQ_INDEX;
        case VfioInterrupt::request: return VFIO_PCI_REQ_IRQ_INDEX;
    }
    DOED_ASSERT(false);
    return 0;
}

/// What a directory holds; nothing when it cannot be read.
std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        names.push_back(entry->path().filename().string());
    }
    std::ranges::sort(names);
    return names;
}

/// The functions that hold the IOMMU group of a function back: those with a driver that is not VFIO's. Empty: none.
std::string foreign_drivers(const std::string& device_dir) {
    const std::string group_devices = device_dir + "/iommu_group/devices/";
    std::string list;
    for (const auto& function : names_in(group_devices)) {
        const auto driver = read_link_name(group_devices + function + "/driver");
        if (driver && !driver->starts_with("vfio") && *driver != "pcieport" &&
            *driver != "pci-stub") {
            list += (list.empty() ? "" : ", ") + function + " (" + *driver + ")";
        }
    }
    return list;
}

std::string unbind(const std::string& functions) {
    return "unbind " + functions + " from its driver, or bind it to vfio-pci too";
}

std::unexpected<base::Error> bind_failure(const std::string& node, const std::string& device_dir,
                                          int negative_errno) {
    const std::string context =
        "binding " + node + " to iommufd: " + vfio_errno_text(negative_errno);
    switch (-negative_errno) {
        case EBUSY:
        case EINVAL: {  // what a second bind of a device gets
            const std::string others = foreign_drivers(device_dir);
            return base::fail(Errc::busy,
                              context + (others.empty() ? std::string(vfio_stop_the_other)
                                                        : " (" + unbind(others) + ")"));
        }
        case EPERM:
            return base::fail(Errc::not_supported, context + std::string(remapping_missing));
        case EAGAIN: return base::fail(Errc::busy, context + std::string(being_reset));
        default: return base::fail(vfio_code_of(negative_errno), context);
    }
}

}  // namespace

base::Result<std::shared_ptr<VfioDevice>> VfioDevice::open(const Address& address, Opener& opener,
                                                           const VfioPaths& paths,
                                                           VfioKernel& kernel) {
    std::shared_ptr<VfioDevice> device(new VfioDevice(kernel, address.to_string()));
    const std::string device_dir = paths.sysfs_root + "/bus/pci/devices/" + address.to_string();
    const std::string node = vfio_node(device_dir, paths.dev_root);
    const Opening open = [&](RootFile file, base::UniqueFd& place) -> base::Result<void> {
        auto opened = opener.open(address, file);
        if (!opened) {
            return std::unexpected(opened.error());
        }
        place = std::move(*opened);
        return {};
    };
    std::error_code none;
    base::Result<void> opened;
    if (!node.empty() && std::filesystem::exists(node, none)) {
        opened = device->open_cdev(open, node, device_dir);
    } else {
        opened = device->open_group(open, device_dir, paths);
    }
    if (opened) {
        opened = device->find_config_region();
    }
    if (!opened) {
        return std::unexpected(opened.error().in(device->name_));
    }
    return device;
}

base::Result<void> VfioDevice::open_cdev(const Opening& open, const std::string& node,
                                         const std::string& device_dir) {
    if (auto opened = open(RootFile::iommufd, container_or_iommufd_); !opened) {
        return opened;
    }
    if (auto opened = open(RootFile::vfio_device, device_); !opened) {
        return opened;
    }
    const int iommufd = container_or_iommufd_.get();
    const int device = device_.get();

    uapi::BindIommufd bind{.argsz = sizeof(bind), .flags = 0, .iommufd = iommufd, .out_devid = 0};
    if (const int result = kernel_.ioctl(device, uapi::device_bind_iommufd, &bind); result < 0) {
        return bind_failure(node, device_dir, result);
    }
    // An empty address space: the device can reach no memory, and its interrupts find their way on every platform.
    uapi::IoasAlloc ioas{.size = sizeof(ioas), .flags = 0, .out_ioas_id = 0};
    if (const int result = kernel_.ioctl(iommufd, uapi::iommu_ioas_alloc, &ioas); result < 0) {
        return base::fail(Errc::io, "allocating an I/O address space: " + vfio_errno_text(result));
    }
    uapi::AttachIommufdPt attach{.argsz = sizeof(attach), .flags = 0, .pt_id = ioas.out_ioas_id};
    if (const int result = kernel_.ioctl(device, uapi::device_attach_iommufd_pt, &attach);
        result < 0) {
        return base::fail(vfio_code_of(result), "attaching " + node + " to an I/O address space: " +
                                                    vfio_errno_text(result));
    }
    access_ = "cdev";
    return {};
}

base::Result<void> VfioDevice::open_group(const Opening& open, const std::string& device_dir,
                                          const VfioPaths& paths) {
    const auto group_number = read_link_name(device_dir + "/iommu_group");
    if (!group_number) {
        return base::fail(Errc::not_supported,
                          "the device has no IOMMU group (switch the IOMMU on, or leave the device "
                          "to sysfs access)");
    }
    const std::string group_path = paths.dev_root + "/vfio/" + *group_number;
    std::error_code none;
    if (std::filesystem::exists(paths.dev_root + "/vfio/noiommu-" + *group_number, none)) {
        return base::fail(Errc::not_supported,
                          "VFIO offers the device without an IOMMU only, which would let it write "
                          "anywhere in memory");
    }
    if (auto opened = open(RootFile::vfio_container, container_or_iommufd_); !opened) {
        return opened;
    }
    if (auto opened = open(RootFile::vfio_group, group_); !opened) {
        return opened;
    }
    const int container = container_or_iommufd_.get();
    const int group = group_.get();

    vfio_group_status status{.argsz = sizeof(status), .flags = 0};
    if (const int result = kernel_.ioctl(group, VFIO_GROUP_GET_STATUS, &status); result < 0) {
        return base::fail(Errc::io, group_path + ": " + vfio_errno_text(result));
    }
    if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0) {
        const std::string others = foreign_drivers(device_dir);
        return base::fail(Errc::busy, "IOMMU group " + *group_number + " is not viable: " +
                                          unbind(others.empty() ? "one of its devices" : others));
    }
    int container_argument = container;
    if (const int result = kernel_.ioctl(group, VFIO_GROUP_SET_CONTAINER, &container_argument);
        result < 0) {
        return base::fail(vfio_code_of(result),
                          group_path + ": joining a container: " + vfio_errno_text(result));
    }
    // Type 1 needs no mapping for what is done here, and maps nothing by itself.
    // The kernel takes the number for a pointer's. NOLINTNEXTLINE(performance-no-int-to-ptr)
    auto* const type1 = reinterpret_cast<void*>(std::uintptr_t{VFIO_TYPE1v2_IOMMU});
    if (const int result = kernel_.ioctl(container, VFIO_SET_IOMMU, type1); result < 0) {
        return base::fail(Errc::not_supported, "VFIO type 1 IOMMU: " + vfio_errno_text(result) +
                                                   " (load vfio_iommu_type1)" +
                                                   std::string(remapping_missing));
    }
    std::string name = name_;
    const int device = kernel_.ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name.data());
    if (device < 0) {
        const std::string_view advice = device == -EAGAIN   ? being_reset
                                        : device == -ENODEV ? vfio_bind_it
                                                            : "";
        return base::fail(vfio_code_of(device), group_path + ": opening the device: " +
                                                    vfio_errno_text(device) + std::string(advice));
    }
    device_.reset(device);
    access_ = "group";
    return {};
}

base::Result<void> VfioDevice::find_config_region() {
    vfio_region_info region{};
    region.argsz = sizeof(region);
    region.index = VFIO_PCI_CONFIG_REGION_INDEX;
    if (const int result = kernel_.ioctl(device_.get(), VFIO_DEVICE_GET_REGION_INFO, &region);
        result < 0) {
        return base::fail(Errc::io, "asking for the config region: " + vfio_errno_text(result));
    }
    config_offset_ = region.offset;
    config_size_ = region.size;
    return {};
}

base::Result<std::uint32_t> VfioDevice::read32(std::uint16_t offset) {
    DOED_ASSERT(offset % 4 == 0);
    std::uint8_t bytes[4] = {};
    const auto count =
        offset + sizeof(bytes) <= config_size_
            ? kernel_.pread(device_.get(), bytes, sizeof(bytes), config_offset_ + offset)
            : -EFAULT;
    if (count != sizeof(bytes)) {
        const int error = count < 0 ? static_cast<int>(count) : -EIO;
        return base::fail(error == -ENODEV ? Errc::device_gone : Errc::io,
                          "reading config space at " + hex(offset) + ": " + vfio_errno_text(error));
    }
    return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
           static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

base::Result<void> VfioDevice::write32(std::uint16_t offset, std::uint32_t value) {
    DOED_ASSERT(offset % 4 == 0);
    const std::uint8_t bytes[4] = {
        static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
        static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
    const auto count =
        offset + sizeof(bytes) <= config_size_
            ? kernel_.pwrite(device_.get(), bytes, sizeof(bytes), config_offset_ + offset)
            : -EFAULT;
    if (count != sizeof(bytes)) {
        const int error = count < 0 ? static_cast<int>(count) : -EIO;
        return base::fail(error == -ENODEV ? Errc::device_gone : Errc::io,
                          "writing config space at " + hex(offset) + ": " + vfio_errno_text(error));
    }
    return {};
}

std::uint32_t VfioDevice::vector_count(VfioInterrupt kind) {
    vfio_irq_info info{};
    info.argsz = sizeof(info);
    info.index = index_of(kind);
    if (kernel_.ioctl(device_.get(), VFIO_DEVICE_GET_IRQ_INFO, &info) < 0 ||
        (info.flags & VFIO_IRQ_INFO_EVENTFD) == 0) {
        return 0;
    }
    return info.count;
}

base::Result<void> VfioDevice::arm(VfioInterrupt kind, std::span<const int> eventfds) {
    std::vector<std::uint8_t> buffer(sizeof(vfio_irq_set) + eventfds.size() * sizeof(std::int32_t));
    vfio_irq_set header{};
    header.argsz = static_cast<std::uint32_t>(buffer.size());
    header.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
    header.index = index_of(kind);
    header.count = static_cast<std::uint32_t>(eventfds.size());
    std::memcpy(buffer.data(), &header, sizeof(header));
    std::memcpy(buffer.data() + sizeof(header), eventfds.data(),
                eventfds.size() * sizeof(std::int32_t));
    const int result = kernel_.ioctl(device_.get(), VFIO_DEVICE_SET_IRQS, buffer.data());
    if (result > 0) {
        // So many could be had; none are armed.
        return base::fail(Errc::not_supported, name_ + ": the host has " + std::to_string(result) +
                                                   " of " + std::to_string(eventfds.size()) +
                                                   " interrupt vectors left");
    }
    if (result < 0) {
        return base::fail(vfio_code_of(result),
                          name_ + ": arming interrupts: " + vfio_errno_text(result));
    }
    return {};
}

base::Result<void> VfioDevice::disarm(VfioInterrupt kind) {
    vfio_irq_set set{};
    set.argsz = sizeof(set);
    set.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
    set.index = index_of(kind);
    // A count of zero takes all vectors of the kind away; the kernel refuses it when there are none.
    const int result = kernel_.ioctl(device_.get(), VFIO_DEVICE_SET_IRQS, &set);
    if (result < 0 && result != -EINVAL) {
        return base::fail(vfio_code_of(result),
                          name_ + ": disarming interrupts: " + vfio_errno_text(result));
    }
    return {};
}

}  // namespace doed::pci
