// SPDX-License-Identifier: Apache-2.0
//
// VFIO's side of the system calls, for one function: it keeps the order that the real one insists on, writes down what
// it was asked, fails where a test wants it to, and rings the eventfds it was given. Its descriptors are real ones, so
// that it notices when they are closed, and in which order.
#pragma once

#include "base/unique_fd.hpp"
#include "pci/vfio_device.hpp"
#include "pci/vfio_kernel.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace doed::test {

class FakeVfioKernel final : public pci::VfioKernel {
public:
    /// `dev_root` is what stands for /dev; `address` names the function.
    FakeVfioKernel(std::string dev_root, std::string address);

    int open(const std::string& path) override;
    int ioctl(int fd, unsigned long request, void* argument) override;
    std::int64_t pread(int fd, void* buffer, std::size_t size, std::uint64_t offset) override;
    std::int64_t pwrite(int fd, const void* buffer, std::size_t size,
                        std::uint64_t offset) override;

    // --- What the function is like ---

    /// Config space. The Status half of the dword at 4 is cleared by writing ones.
    [[nodiscard]] std::uint32_t& config(std::uint16_t offset) { return config_.at(offset / 4U); }
    std::uint64_t config_offset = 0x700'0000'0000;  ///< of the config region
    std::uint64_t config_size = 4096;
    bool viable = true;  ///< the group
    /// How many vectors of a kind it has, none by default.
    void has_vectors(pci::VfioInterrupt kind, std::uint32_t count) {
        vectors_[index_of(kind)] = count;
    }
    /// How many the host has left to give.
    std::uint32_t vectors_available = 2048;

    // --- Disturbances ---

    /// The calls of this step, named as in the log without its details, fail with `error_number` from now on.
    void fail(const std::string& step, int error_number) { failures_[step] = error_number; }
    void mend(const std::string& step) { failures_.erase(step); }
    /// Config accesses move only so many bytes.
    std::optional<std::size_t> short_access;
    /// Called after the vectors of a function were set, before the call returns.
    std::function<void()> on_vectors_set;
    /// Called before they are taken away.
    std::function<void()> on_vectors_unset;

    // --- What happened ---

    /// One line a call: the step, and details behind a colon.
    std::vector<std::string> log;
    /// The descriptors that were closed, in order: "iommufd", "device", "container", "group".
    [[nodiscard]] std::vector<std::string> closed();
    /// Those that were given out, in order.
    [[nodiscard]] const std::vector<std::string>& opened() const noexcept { return opened_; }

    /// The function sends its message: true when it reaches an eventfd, which takes an armed vector and Bus Master.
    bool ring(pci::VfioInterrupt kind, std::uint32_t vector);
    [[nodiscard]] bool armed(pci::VfioInterrupt kind) const {
        return armed_.contains(index_of(kind));
    }

private:
    enum class Object : std::uint8_t { none, iommufd, device, container, group };
    struct Descriptor {
        Object object = Object::none;
        std::string name;
        base::UniqueFd other_end;
    };

    static std::uint32_t index_of(pci::VfioInterrupt kind);

    int give_out(Object object, const std::string& name);
    [[nodiscard]] Object object_of(int fd) const;
    /// Logs the step and returns what it fails with, 0 for nothing.
    int begin(const std::string& step, const std::string& details = {});
    [[nodiscard]] std::int64_t check_access(int fd, std::size_t size, std::uint64_t offset) const;

    int ioctl_iommufd(unsigned long request, void* argument);
    int ioctl_container(unsigned long request, void* argument);
    int ioctl_group(unsigned long request, void* argument);
    int ioctl_device(unsigned long request, void* argument);
    int bind(void* argument);
    int set_vectors(void* argument);
    int give_irq_info(void* argument);

    std::string dev_root_;
    std::string address_;
    std::array<std::uint32_t, 1024> config_{};
    std::map<std::uint32_t, std::uint32_t> vectors_;
    std::map<std::string, int> failures_;

    std::map<int, Descriptor> descriptors_;
    std::vector<std::string> opened_;
    base::UniqueFd
        closings_;  ///< an epoll instance: it tells of closed descriptors in the order of their closing
    std::vector<std::string> closed_;

    bool access_granted_ = false;  ///< bound to an iommufd, or opened through a group
    bool container_joined_ = false;
    bool iommu_set_ = false;
    /// Own descriptors of the eventfds, by interrupt index and vector.
    std::map<std::uint32_t, std::map<std::uint32_t, base::UniqueFd>> armed_;
    std::map<std::uint32_t, std::vector<int>> given_;  ///< the caller's descriptors of them
};

}  // namespace doed::test
