// SPDX-License-Identifier: Apache-2.0
//
// An emulated PCI function: its config image with DOE instances in it. Any number of handles (EmulatedConfigSpace) on
// any threads share it; accesses come one at a time, as they do on a link.
#pragma once

#include "base/result.hpp"
#include "emulator/config_image.hpp"
#include "emulator/doe_instance.hpp"
#include "emulator/environment.hpp"
#include "emulator/faults/access_faults.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace doed::emulator {

class Device {
public:
    /// A DOE instance, where its capability is in the config image, and the faults it was made with.
    struct Mailbox {
        std::uint16_t offset = 0;
        std::unique_ptr<DoeInstance> instance{};
        std::shared_ptr<FaultInjector> faults{};  ///< null in a sound mailbox
    };

    /// `image` has a DOE capability for each of `mailboxes`. Each access takes `access_delay` of the environment's time,
    /// during which all others wait.
    Device(ConfigImage image, std::vector<Mailbox> mailboxes, Environment environment,
           base::Duration access_delay = {});
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    /// One dword access; `offset` is a multiple of 4 below 4096. Errors: io, only by a fault script.
    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset);
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value);

    /// Lets what is due by now happen, as every access does first for the mailbox it goes to: interrupts are sent then.
    void settle();
    /// When something happens by itself next.
    [[nodiscard]] std::optional<base::TimePoint> next_event();

    /// How often each kind of fault has struck, in all mailboxes together.
    [[nodiscard]] FaultCounts fault_counts();

private:
    [[nodiscard]] Mailbox* mailbox_with_register(std::uint16_t offset) noexcept;
    void delay() const;
    [[nodiscard]] base::Result<void> misbehave(const Mailbox* mailbox);
    void reset();

    std::mutex mutex_;
    ConfigImage image_;
    std::vector<Mailbox> mailboxes_;
    Environment environment_;
    base::Duration access_delay_;
    std::unique_ptr<const ConfigImage> image_after_reset_;  ///< null when nothing can reset it
    AccessFaults access_faults_;
};

}  // namespace doed::emulator
