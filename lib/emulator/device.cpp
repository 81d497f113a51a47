// SPDX-License-Identifier: Apache-2.0
#include "emulator/device.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

#include <linux/pci_regs.h>

namespace doed::emulator {

Device::Device(ConfigImage image, std::vector<Mailbox> mailboxes, Environment environment,
               base::Duration access_delay)
    : image_(std::move(image)),
      mailboxes_(std::move(mailboxes)),
      environment_(std::move(environment)),
      access_delay_(access_delay) {
    for (const auto& mailbox : mailboxes_) {
        DOED_ASSERT(PCI_EXT_CAP_ID(image_.read32(mailbox.offset)) == PCI_EXT_CAP_ID_DOE);
    }
}

std::uint32_t Device::read32(std::uint16_t offset) {
    const std::scoped_lock lock(mutex_);
    delay();
    if (Mailbox* mailbox = mailbox_with_register(offset)) {
        return mailbox->instance->read(static_cast<std::uint16_t>(offset - mailbox->offset));
    }
    return image_.read32(offset);
}

void Device::write32(std::uint16_t offset, std::uint32_t value) {
    const std::scoped_lock lock(mutex_);
    delay();
    if (Mailbox* mailbox = mailbox_with_register(offset)) {
        mailbox->instance->write(static_cast<std::uint16_t>(offset - mailbox->offset), value);
        return;
    }
    image_.write32(offset, value);
}

// The header of the capability is the image's; the registers behind it are the instance's.
Device::Mailbox* Device::mailbox_with_register(std::uint16_t offset) noexcept {
    DOED_ASSERT(offset % 4 == 0);
    const auto found = std::ranges::find_if(mailboxes_, [&](const Mailbox& mailbox) {
        return mailbox.offset < offset && offset < mailbox.offset + DoeInstance::size_bytes;
    });
    return found == mailboxes_.end() ? nullptr : &*found;
}

void Device::delay() const {
    if (access_delay_ > base::Duration::zero()) {
        environment_.pause(access_delay_);
    }
}

}  // namespace doed::emulator
