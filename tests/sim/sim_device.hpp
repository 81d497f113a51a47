// SPDX-License-Identifier: Apache-2.0
//
// A simulated function: an emulated one with its fault scripts, and what a host and other programs do to it. Its ports
// are its DOE capabilities, as whoever drives one of them sees it.
#pragma once

#include "emulator/device.hpp"
#include "sim/judge.hpp"
#include "sim/plan.hpp"
#include "sim/tally.hpp"
#include "sim/truth.hpp"
#include "support/sim_strands.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace doed::sim {

/// How long an interrupt takes at most, unless it is late.
inline constexpr base::Duration interrupt_time = std::chrono::microseconds(20);

class SimDevice;

class Port {
public:
    Port(SimDevice& device, const PortPlan& plan, std::string name, std::uint64_t seed);

    /// One dword access by the mailbox's driver.
    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset);
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value);

    /// Calls `ring` when the device's interrupt for this mailbox arrives.
    void on_interrupt(std::function<void()> ring) { ring_ = std::move(ring); }
    /// A message of the device that this port's mailbox listens to.
    void send_interrupt();
    /// Somebody else uses the mailbox, in one of the ways that are foreign.
    void use_by_others(Interference kind);
    /// Something happens to the mailbox at a time of its own.
    void interfere();
    /// From now on the mailbox is sound.
    void heal();

    [[nodiscard]] const PortPlan& plan() const noexcept { return plan_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] Truth& truth() noexcept { return truth_; }
    /// Changes when a response may have become another one in a way that no driver can notice.
    [[nodiscard]] std::uint64_t taints() const noexcept;
    /// Whether something went wrong here yet.
    [[nodiscard]] bool disturbed() const noexcept;
    [[nodiscard]] bool removed() const noexcept;

private:
    friend class SimDevice;

    void interfere_at_access(bool read);
    [[nodiscard]] std::uint32_t look_at(std::uint32_t status);
    void begin_stuck_status();
    [[nodiscard]] Interference draw_interference();
    void count(Interference kind, const char* what);

    SimDevice& device_;
    const PortPlan& plan_;
    std::string name_;
    test::SimRandom random_;
    Truth truth_;
    std::shared_ptr<emulator::FaultInjector> faults_;  ///< null in a sound mailbox
    emulator::DoeInstance* instance_ = nullptr;        ///< the device's
    std::function<void()> ring_;

    bool healed_ = false;
    std::uint32_t accesses_to_next_ = 0;  ///< interference
    bool unanswered_ = false;             ///< the next read
    std::uint32_t glitch_ = 0;            ///< bits of the next look to be inverted
    std::uint32_t stuck_status_ = 0;
    base::TimePoint stuck_until_{};
    std::uint64_t taints_ = 0;
    std::uint64_t interferences_ = 0;
};

class SimDevice {
public:
    /// Everything that is referred to outlives the device. `strand` is for what happens by itself.
    SimDevice(const DevicePlan& plan, unsigned number, test::SimStrands& strands,
              test::SimStrands::Strand& strand, Judge& judge, Tally& tally,
              test::SimRandom& random);

    [[nodiscard]] std::vector<std::unique_ptr<Port>>& ports() noexcept { return ports_; }
    [[nodiscard]] bool removed() const noexcept { return removed_; }
    /// Takes the function out of its slot, to be put back after that time.
    void remove(base::Duration time);
    /// From now on everything is sound, and the function is in its slot.
    void heal();
    /// How often its scripts' faults struck.
    [[nodiscard]] emulator::FaultCounts fault_counts() { return device_->fault_counts(); }

private:
    friend class Port;

    [[nodiscard]] emulator::Device::Mailbox make_mailbox(Port& port, emulator::ConfigImage& image,
                                                         const emulator::Environment& environment);
    void put_back();
    void send_interrupt(std::uint16_t message);
    void expect_event();

    test::SimStrands& strands_;
    test::SimStrands::Strand& strand_;
    Judge& judge_;
    Tally& tally_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::shared_ptr<emulator::Device> device_;
    bool removed_ = false;
    bool interrupts_ = false;  ///< somebody waits for them
    base::TimePoint expected_event_ = base::TimePoint::max();
};

}  // namespace doed::sim
