// SPDX-License-Identifier: Apache-2.0
#include "support/fake_vfio_kernel.hpp"

#include "pci/vfio_uapi.hpp"
#include "support/descriptors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace doed::test {

namespace {

constexpr std::uint32_t bus_master = 0x4;
constexpr std::uint32_t our_ioas = 3;

std::string hex(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

const char* name_of(std::uint32_t index) {
    switch (index) {
        case VFIO_PCI_MSI_IRQ_INDEX: return "msi";
        case VFIO_PCI_MSIX_IRQ_INDEX: return "msix";
        case VFIO_PCI_ERR_IRQ_INDEX: return "err";
        case VFIO_PCI_REQ_IRQ_INDEX: return "req";
        default: return "another index";
    }
}

bool is_message(std::uint32_t index) {
    return index == VFIO_PCI_MSI_IRQ_INDEX || index == VFIO_PCI_MSIX_IRQ_INDEX;
}

}  // namespace

FakeVfioKernel::FakeVfioKernel(std::string dev_root, std::string address)
    : dev_root_(std::move(dev_root)),
      address_(std::move(address)),
      closings_(::epoll_create1(EPOLL_CLOEXEC)) {
    config(0x04) = 0x00100002;
}

// --- Descriptors -----------------------------------------------------------------------------------------------------

/// The caller gets the writing end of a pipe. Its closing hangs up the reading end.
int FakeVfioKernel::give_out(Object object, const std::string& name) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    descriptors_[ends[1]] = Descriptor{object, name, base::UniqueFd(ends[0])};
    opened_.push_back(name);
    epoll_event event{};
    event.events = EPOLLET;
    event.data.fd = ends[1];
    ::epoll_ctl(closings_.get(), EPOLL_CTL_ADD, ends[0], &event);
    return ends[1];
}

std::vector<std::string> FakeVfioKernel::closed() {
    std::array<epoll_event, 16> events{};
    const int count =
        ::epoll_wait(closings_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        const auto found = descriptors_.find(events.at(static_cast<std::size_t>(i)).data.fd);
        closed_.push_back(found->second.name);
        descriptors_.erase(found);
    }
    return closed_;
}

FakeVfioKernel::Object FakeVfioKernel::object_of(int fd) const {
    const auto found = descriptors_.find(fd);
    return found == descriptors_.end() ? Object::none : found->second.object;
}

int FakeVfioKernel::begin(const std::string& step, const std::string& details) {
    log.push_back(details.empty() ? step : step + ": " + details);
    const auto failure = failures_.find(step);
    return failure == failures_.end() ? 0 : -failure->second;
}

int FakeVfioKernel::open(const std::string& path) {
    static_cast<void>(closed());  // a number that is used again is another descriptor
    const std::string name =
        path.starts_with(dev_root_ + "/") ? path.substr(dev_root_.size() + 1) : path;
    if (const int error = begin("open " + name); error != 0) {
        return error;
    }
    if (name == "iommu") {
        return give_out(Object::iommufd, "iommufd");
    }
    if (name == "vfio/vfio") {
        return give_out(Object::container, "container");
    }
    if (name.starts_with("vfio/devices/")) {
        access_granted_ = false;
        return give_out(Object::device, "device");
    }
    container_joined_ = iommu_set_ = false;
    return name.starts_with("vfio/") ? give_out(Object::group, "group") : -ENOENT;
}

// --- Requests --------------------------------------------------------------------------------------------------------

int FakeVfioKernel::ioctl(int fd, unsigned long request, void* argument) {
    switch (object_of(fd)) {
        case Object::iommufd: return ioctl_iommufd(request, argument);
        case Object::container: return ioctl_container(request, argument);
        case Object::group: return ioctl_group(request, argument);
        case Object::device:
            return request == pci::uapi::device_bind_iommufd ? bind(argument)
                                                             : ioctl_device(request, argument);
        case Object::none: break;
    }
    return -EBADF;
}

int FakeVfioKernel::ioctl_iommufd(unsigned long request, void* argument) {
    auto* const ioas = static_cast<pci::uapi::IoasAlloc*>(argument);
    if (request != pci::uapi::iommu_ioas_alloc || ioas->size != sizeof(*ioas) || ioas->flags != 0) {
        return -EINVAL;
    }
    ioas->out_ioas_id = our_ioas;
    return begin("alloc-ioas");
}

int FakeVfioKernel::bind(void* argument) {
    const auto* const request = static_cast<const pci::uapi::BindIommufd*>(argument);
    if (request->argsz != sizeof(*request) || request->flags != 0 ||
        object_of(request->iommufd) != Object::iommufd) {
        return -EINVAL;
    }
    const int error = begin("bind");
    access_granted_ = error == 0;
    return error;
}

int FakeVfioKernel::ioctl_container(unsigned long request, void* argument) {
    if (request != VFIO_SET_IOMMU ||
        reinterpret_cast<std::uintptr_t>(argument) != VFIO_TYPE1v2_IOMMU || !container_joined_) {
        return -EINVAL;
    }
    const int error = begin("set-iommu");
    iommu_set_ = error == 0;
    return error;
}

int FakeVfioKernel::ioctl_group(unsigned long request, void* argument) {
    if (request == VFIO_GROUP_GET_STATUS) {
        auto* const status = static_cast<vfio_group_status*>(argument);
        status->flags = viable ? VFIO_GROUP_FLAGS_VIABLE : 0;
        return status->argsz == sizeof(*status) ? begin("group-status") : -EINVAL;
    }
    if (request == VFIO_GROUP_SET_CONTAINER) {
        if (object_of(*static_cast<const int*>(argument)) != Object::container) {
            return -EINVAL;
        }
        const int error = begin("set-container");
        container_joined_ = error == 0;
        return error;
    }
    if (request != VFIO_GROUP_GET_DEVICE_FD || !iommu_set_) {
        return -EINVAL;
    }
    if (const int error = begin("get-device", static_cast<const char*>(argument)); error != 0) {
        return error;
    }
    if (address_ != static_cast<const char*>(argument)) {
        return -ENODEV;
    }
    access_granted_ = true;
    return give_out(Object::device, "device");
}

int FakeVfioKernel::ioctl_device(unsigned long request, void* argument) {
    if (!access_granted_) {
        return -EINVAL;
    }
    switch (request) {
        case pci::uapi::device_attach_iommufd_pt: {
            const auto* const attach = static_cast<const pci::uapi::AttachIommufdPt*>(argument);
            return attach->argsz == sizeof(*attach) && attach->pt_id == our_ioas ? begin("attach")
                                                                                 : -EINVAL;
        }
        case VFIO_DEVICE_GET_REGION_INFO: {
            auto* const region = static_cast<vfio_region_info*>(argument);
            if (region->argsz < sizeof(*region) || region->index != VFIO_PCI_CONFIG_REGION_INDEX) {
                return -EINVAL;
            }
            region->offset = config_offset;
            region->size = config_size;
            return begin("region-info");
        }
        case VFIO_DEVICE_GET_IRQ_INFO: return give_irq_info(argument);
        case VFIO_DEVICE_SET_IRQS: return set_vectors(argument);
        default: return -ENOTTY;
    }
}

// --- Interrupts ------------------------------------------------------------------------------------------------------

std::uint32_t FakeVfioKernel::index_of(pci::VfioInterrupt kind) {
    switch (kind) {
        case pci::VfioInterrupt::msi: return VFIO_PCI_MSI_IRQ_INDEX;
        case pci::VfioInterrupt::msix: return VFIO_PCI_MSIX_IRQ_INDEX;
        case pci::VfioInterrupt::error: return VFIO_PCI_ERR_IRQ_INDEX;
        case pci::VfioInterrupt::request: return VFIO_PCI_REQ_IRQ_INDEX;
    }
    std::abort();
}

int FakeVfioKernel::give_irq_info(void* argument) {
    auto* const info = static_cast<vfio_irq_info*>(argument);
    if (info->argsz < sizeof(*info)) {
        return -EINVAL;
    }
    const auto found = vectors_.find(info->index);
    info->count = found == vectors_.end() ? 0 : found->second;
    info->flags = VFIO_IRQ_INFO_EVENTFD | (is_message(info->index) ? VFIO_IRQ_INFO_NORESIZE : 0);
    return begin(std::string("irq-info ") + name_of(info->index));
}

int FakeVfioKernel::set_vectors(void* argument) {
    vfio_irq_set set{};
    std::memcpy(&set, argument, sizeof(set));
    const std::string name = name_of(set.index);
    if ((set.flags & VFIO_IRQ_SET_DATA_NONE) != 0 && set.count == 0) {
        if (on_vectors_unset) {
            on_vectors_unset();
        }
        const auto& eventfds = armed_[set.index];
        const bool still_open = std::ranges::all_of(given_[set.index], [&](int fd) {
            return std::ranges::any_of(
                eventfds, [&](const auto& own) { return same_eventfd(fd, own.second.get()); });
        });
        const bool nothing_armed = eventfds.empty();
        const int error = begin("unset-irqs " + name, nothing_armed ? "none"
                                                      : still_open  ? "open"
                                                                    : "closed");
        armed_.erase(set.index);
        given_.erase(set.index);
        return error == 0 && nothing_armed ? -EINVAL : error;
    }

    std::vector<std::int32_t> fds(set.count);
    if (set.flags != (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER) || set.start != 0 ||
        set.argsz != sizeof(set) + fds.size() * sizeof(std::int32_t)) {
        return -EINVAL;
    }
    std::memcpy(fds.data(), static_cast<const char*>(argument) + sizeof(set),
                fds.size() * sizeof(std::int32_t));
    std::string details;
    for (const int fd : fds) {
        details += details.empty() ? "" : " ";
        details += fd < 0            ? "-"
                   : !is_eventfd(fd) ? "no-eventfd"
                   : is_watched(fd)  ? "watched"
                                     : "unwatched";
    }
    if (const int error = begin("set-irqs " + name, details); error != 0) {
        return error;
    }
    if (set.count > vectors_[set.index]) {
        return -EINVAL;
    }
    // One kind of messages at a time, and no other number of them once they are enabled.
    if (is_message(set.index) &&
        (armed_.contains(VFIO_PCI_MSI_IRQ_INDEX) || armed_.contains(VFIO_PCI_MSIX_IRQ_INDEX))) {
        return -EINVAL;
    }
    if (is_message(set.index) && set.count > vectors_available) {
        return static_cast<int>(vectors_available);
    }
    for (std::uint32_t vector = 0; vector < set.count; ++vector) {
        if (fds[vector] >= 0) {
            armed_[set.index][vector] = base::UniqueFd(::fcntl(fds[vector], F_DUPFD_CLOEXEC, 0));
            given_[set.index].push_back(fds[vector]);
        }
    }
    if (on_vectors_set) {
        on_vectors_set();
    }
    return 0;
}

bool FakeVfioKernel::ring(pci::VfioInterrupt kind, std::uint32_t vector) {
    const auto armed = armed_.find(index_of(kind));
    if (armed == armed_.end() || !armed->second.contains(vector) ||
        (is_message(armed->first) && (config(0x04) & bus_master) == 0)) {
        return false;
    }
    const std::uint64_t one = 1;
    return ::write(armed->second.at(vector).get(), &one, sizeof(one)) == sizeof(one);
}

// --- Config space ----------------------------------------------------------------------------------------------------

std::int64_t FakeVfioKernel::check_access(int fd, std::size_t size, std::uint64_t offset) const {
    if (object_of(fd) != Object::device || !access_granted_ || size != 4 || offset % 4 != 0) {
        return -EINVAL;
    }
    return offset >= config_offset && offset + size <= config_offset + config_size ? 0 : -EFAULT;
}

std::int64_t FakeVfioKernel::pread(int fd, void* buffer, std::size_t size, std::uint64_t offset) {
    if (const auto error = check_access(fd, size, offset); error != 0) {
        return error;
    }
    const auto place = static_cast<std::uint16_t>(offset - config_offset);
    if (const int error = begin("read " + hex(place)); error != 0) {
        return error;
    }
    const std::uint32_t value = config(place);
    const std::array<std::uint8_t, 4> bytes{
        static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
        static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
    const std::size_t count = short_access.value_or(size);
    std::memcpy(buffer, bytes.data(), count);
    return static_cast<std::int64_t>(count);
}

std::int64_t FakeVfioKernel::pwrite(int fd, const void* buffer, std::size_t size,
                                    std::uint64_t offset) {
    if (const auto error = check_access(fd, size, offset); error != 0) {
        return error;
    }
    const auto place = static_cast<std::uint16_t>(offset - config_offset);
    const auto* const bytes = static_cast<const std::uint8_t*>(buffer);
    const std::uint32_t value = bytes[0] | std::uint32_t{bytes[1]} << 8 |
                                std::uint32_t{bytes[2]} << 16 | std::uint32_t{bytes[3]} << 24;
    if (const int error = begin("write " + hex(place), hex(value)); error != 0) {
        return error;
    }
    if (place == 0x04) {
        config(place) = (value & 0xFFFF) | (config(place) & ~value & 0xFFFF0000);
    } else {
        config(place) = value;
    }
    return static_cast<std::int64_t>(short_access.value_or(size));
}

}  // namespace doed::test
