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
      access_delay_(access_delay),
      access_faults_(environment_, [this] { reset(); }) {
    for (const auto& mailbox : mailboxes_) {
        DOED_ASSERT(PCI_EXT_CAP_ID(image_.read32(mailbox.offset)) == PCI_EXT_CAP_ID_DOE);
    }
    if (std::ranges::any_of(mailboxes_,
                            [](const Mailbox& mailbox) { return mailbox.faults != nullptr; })) {
        image_after_reset_ = std::make_unique<const ConfigImage>(image_);
    }
}

base::Result<std::uint32_t> Device::read32(std::uint16_t offset) {
    const std::scoped_lock lock(mutex_);
    delay();
    Mailbox* const mailbox = mailbox_with_register(offset);
    if (const auto good = misbehave(mailbox); !good) {
        return std::unexpected(good.error());
    }
    if (access_faults_.gone()) {
        return pci::all_ones;
    }
    return mailbox != nullptr
               ? mailbox->instance->read(static_cast<std::uint16_t>(offset - mailbox->offset))
               : image_.read32(offset);
}

base::Result<void> Device::write32(std::uint16_t offset, std::uint32_t value) {
    const std::scoped_lock lock(mutex_);
    delay();
    Mailbox* const mailbox = mailbox_with_register(offset);
    if (auto good = misbehave(mailbox); !good) {
        return good;
    }
    if (access_faults_.gone()) {
        return {};
    }
    if (mailbox != nullptr) {
        mailbox->instance->write(static_cast<std::uint16_t>(offset - mailbox->offset), value);
    } else {
        image_.write32(offset, value);
    }
    return {};
}

void Device::settle() {
    const std::scoped_lock lock(mutex_);
    access_faults_.settle();
    if (access_faults_.gone()) {
        return;
    }
    for (const auto& mailbox : mailboxes_) {
        mailbox.instance->settle();
    }
}

std::optional<base::TimePoint> Device::next_event() {
    const std::scoped_lock lock(mutex_);
    if (access_faults_.gone()) {
        return access_faults_.returns_at();
    }
    std::optional<base::TimePoint> next;
    for (const auto& mailbox : mailboxes_) {
        const auto event = mailbox.instance->next_event();
        if (event && (!next || *event < *next)) {
            next = event;
        }
    }
    return next;
}

FaultCounts Device::fault_counts() {
    const std::scoped_lock lock(mutex_);
    FaultCounts counts;
    for (const auto& mailbox : mailboxes_) {
        if (mailbox.faults) {
            counts += mailbox.faults->counts();
        }
    }
    return counts;
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

base::Result<void> Device::misbehave(const Mailbox* mailbox) {
    access_faults_.settle();
    return mailbox != nullptr && mailbox->faults ? access_faults_.before_access(*mailbox->faults)
                                                 : base::Result<void>();
}

// What a function keeps in its config space, and what its mailboxes hold, does not outlive a reset.
void Device::reset() {
    image_ = *image_after_reset_;
    for (const auto& mailbox : mailboxes_) {
        mailbox.instance->reset();
    }
}

}  // namespace doed::emulator
