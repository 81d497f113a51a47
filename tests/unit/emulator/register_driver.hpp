// SPDX-License-Identifier: Apache-2.0
//
// A requester that works the registers of one DOE instance by hand, on a virtual clock, so that the instance is tested
// against the register description alone. Registers and bits are spelled out here on purpose (PCIe r6.2 7.9.24).
#pragma once

#include "emulator/doe_instance.hpp"
#include "emulator/environment.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace doed::emulator {

using namespace std::chrono_literals;

inline constexpr std::uint16_t capabilities_register = 0x04;
inline constexpr std::uint16_t control_register = 0x08;
inline constexpr std::uint16_t status_register = 0x0C;
inline constexpr std::uint16_t write_mailbox_register = 0x10;
inline constexpr std::uint16_t read_mailbox_register = 0x14;

inline constexpr std::uint32_t abort_bit = 1U << 0;
inline constexpr std::uint32_t interrupt_enable_bit = 1U << 1;
inline constexpr std::uint32_t go_bit = 1U << 31;

inline constexpr std::uint32_t busy_bit = 1U << 0;
inline constexpr std::uint32_t interrupt_status_bit = 1U << 1;
inline constexpr std::uint32_t error_bit = 1U << 2;
inline constexpr std::uint32_t ready_bit = 1U << 31;

/// Vendor D0EDh, type 42h: the echo protocol.
inline constexpr std::uint32_t echo_header1 = 0x0042D0ED;

using Dwords = std::vector<std::uint32_t>;

struct VirtualClock {
    base::TimePoint now{};
    base::Duration paused{};  ///< all pauses together

    [[nodiscard]] Environment environment() {
        return {.now = [this] { return now; },
                .pause =
                    [this](base::Duration time) {
                        now += time;
                        paused += time;
                    }};
    }
};

class RegisterDriver {
public:
    RegisterDriver(VirtualClock& clock, const DoeInstanceOptions& options,
                   std::vector<std::unique_ptr<Responder>> responders, InterruptHook interrupt = {},
                   std::shared_ptr<FaultInjector> faults = {})
        : clock_(clock),
          instance_(options, std::move(responders), clock.environment().now, std::move(interrupt),
                    std::move(faults)) {}

    [[nodiscard]] DoeInstance& instance() { return instance_; }

    [[nodiscard]] std::uint32_t read(std::uint16_t offset) { return instance_.read(offset); }
    void write(std::uint16_t offset, std::uint32_t value) { instance_.write(offset, value); }

    [[nodiscard]] std::uint32_t status() { return read(status_register); }
    [[nodiscard]] bool ready() { return (status() & ready_bit) != 0; }
    [[nodiscard]] bool error() { return (status() & error_bit) != 0; }
    [[nodiscard]] bool busy() { return (status() & busy_bit) != 0; }
    [[nodiscard]] bool interrupt_status() { return (status() & interrupt_status_bit) != 0; }

    void write_object(const Dwords& object) {
        for (const auto dword : object) {
            write(write_mailbox_register, dword);
        }
    }
    void go(std::uint32_t other_bits = 0) { write(control_register, go_bit | other_bits); }
    void send(const Dwords& object) {
        write_object(object);
        go();
    }
    void abort() { write(control_register, abort_bit); }
    void acknowledge() { write(read_mailbox_register, 0); }
    void pass(base::Duration time) { clock_.now += time; }

    /// Everything there is to read while Ready is set.
    [[nodiscard]] Dwords receive() {
        Dwords object;
        while (ready()) {
            object.push_back(read(read_mailbox_register));
            acknowledge();
        }
        return object;
    }
    /// Sends, waits for as long as any response takes here, receives.
    [[nodiscard]] Dwords exchange(const Dwords& request) {
        send(request);
        pass(1s);
        return receive();
    }

private:
    VirtualClock& clock_;
    DoeInstance instance_;
};

}  // namespace doed::emulator
