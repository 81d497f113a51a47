// SPDX-License-Identifier: Apache-2.0
//
// An emulated PCI function: its config image with DOE instances in it. Any number of handles (EmulatedConfigSpace) on
// any threads share it; accesses come one at a time, as they do on a link.
#pragma once

#include "emulator/config_image.hpp"
#include "emulator/doe_instance.hpp"
#include "emulator/environment.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace doed::emulator {

class Device {
public:
    /// A DOE instance and where its capability is in the config image.
    struct Mailbox {
        std::uint16_t offset = 0;
        std::unique_ptr<DoeInstance> instance;
    };

    /// `image` has a DOE capability for each of `mailboxes`. Each access takes `access_delay` of the environment's time,
    /// during which all others wait.
    Device(ConfigImage image, std::vector<Mailbox> mailboxes, Environment environment,
           base::Duration access_delay = {});
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    /// One dword access; `offset` is a multiple of 4 below 4096.
    [[nodiscard]] std::uint32_t read32(std::uint16_t offset);
    void write32(std::uint16_t offset, std::uint32_t value);

private:
    [[nodiscard]] Mailbox* mailbox_with_register(std::uint16_t offset) noexcept;
    void delay() const;

    std::mutex mutex_;
    ConfigImage image_;
    std::vector<Mailbox> mailboxes_;
    Environment environment_;
    base::Duration access_delay_;
};

}  // namespace doed::emulator
