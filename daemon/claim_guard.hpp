// SPDX-License-Identifier: Apache-2.0
//
// Notices, between two looks at the host, that the kernel has taken a device that this process drives. A driver's link and
// a CXL port are in sysfs before the driver uses the mailbox; their uevents arrive when it may be using it already.
#pragma once

#include "base/unique_fd.hpp"
#include "daemon/kernel_view.hpp"
#include "pci/address.hpp"
#include "pci/config_space.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>

namespace doed::daemon {

/// For one mailbox and its strand.
class ClaimGuard {
public:
    /// `driver` is the one that was bound when the device was found to be ours, empty when none was; its link in sysfs had the
    /// inode `driver_identity`.
    ClaimGuard(std::filesystem::path sysfs_root, const pci::Address& address, std::string driver,
               std::uint64_t driver_identity, MailboxUse use);

    /// Error: kernel_owned, once another driver is bound or the device has a CXL port. Reads directories of sysfs.
    [[nodiscard]] base::Result<void> confirm();
    /// After confirm() has failed: whether the kernel cannot have an exchange in the mailbox yet.
    [[nodiscard]] bool is_ahead_of_kernel() const;

private:
    [[nodiscard]] base::Result<void> confirm_driver();
    [[nodiscard]] base::Result<void> confirm_no_port();
    [[nodiscard]] bool has_port() const;
    [[nodiscard]] bool may_be_ours(std::string_view port_name) const noexcept;

    pci::Address address_;
    std::string driver_;
    std::uint64_t driver_identity_;
    MailboxUse use_;
    bool by_driver_ = false;  ///< what took the device is a driver, not a port
    std::chrono::steady_clock::time_point
        confirmed_at_;       ///< before the last confirm() that was well
    base::UniqueFd device_;  ///< its folder in sysfs
    std::filesystem::path cxl_devices_;
    std::set<ino_t> ports_of_others_;  ///< a port made anew has another number
};

/// A ConfigSpace whose claim is guarded.
class GuardedConfigSpace final : public pci::ConfigSpace {
public:
    GuardedConfigSpace(std::unique_ptr<pci::ConfigSpace> inner, ClaimGuard guard) noexcept
        : inner_(std::move(inner)), guard_(std::move(guard)) {}

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        return inner_->read32(offset);
    }
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        return inner_->write32(offset, value);
    }
    [[nodiscard]] base::Result<void> confirm_claim() override { return guard_.confirm(); }
    [[nodiscard]] bool may_tidy_up() override { return guard_.is_ahead_of_kernel(); }
    void begin_use() override { inner_->begin_use(); }
    void end_use() override { inner_->end_use(); }

private:
    std::unique_ptr<pci::ConfigSpace> inner_;
    ClaimGuard guard_;
};

}  // namespace doed::daemon
