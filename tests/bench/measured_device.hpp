// SPDX-License-Identifier: Apache-2.0
//
// A function with one emulated DOE mailbox that serves a table in real time, counts its accesses and knows when each response
// became ready: what lateness is measured from. One requester drives it at a time, through any number of handles.
#pragma once

#include "base/scheduler.hpp"
#include "emulator/doe_instance.hpp"
#include "pci/config_space.hpp"

#include <cstdint>
#include <memory>
#include <span>

namespace doed::bench {

class MeasuredDevice {
public:
    static constexpr std::uint16_t capability_offset = 0x190;

    struct Counts {
        std::uint64_t accesses = 0;
        std::uint64_t looks = 0;      ///< reads of Status from GO until one showed Ready
        std::uint64_t exchanges = 0;  ///< GO was written
    };

    /// Serves `table`, each response after a time of `response_time`.
    MeasuredDevice(std::span<const std::uint8_t> table, emulator::ResponseTimeRange response_time,
                   std::uint64_t seed);

    [[nodiscard]] std::uint32_t read(std::uint16_t offset);
    void write(std::uint16_t offset, std::uint32_t value);

    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
    /// Of the last object: when the device was rung, and when its response is, or was, ready.
    [[nodiscard]] base::TimePoint go_at() const noexcept { return go_at_; }
    [[nodiscard]] base::TimePoint ready_at() const noexcept { return ready_at_; }

private:
    emulator::DoeInstance instance_;
    Counts counts_;
    base::TimePoint go_at_{};
    base::TimePoint ready_at_{};
    bool awaited_ = false;  ///< GO was written, and no read of Status has shown Ready
};

/// A handle on it.
class MeasuredConfigSpace final : public pci::ConfigSpace {
public:
    explicit MeasuredConfigSpace(std::shared_ptr<MeasuredDevice> device) noexcept
        : device_(std::move(device)) {}

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        return device_->read(offset);
    }
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        device_->write(offset, value);
        return {};
    }

private:
    std::shared_ptr<MeasuredDevice> device_;
};

}  // namespace doed::bench
