// SPDX-License-Identifier: Apache-2.0
#include "io/doorbell.hpp"

#include "doe/registers.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace doed::io {

namespace asio = boost::asio;
using base::Errc;

namespace {

// A message number that changes with every look would be followed for ever.
constexpr int arming_attempts = 2;

}  // namespace

Doorbell::Doorbell(asio::any_io_executor executor, std::shared_ptr<pci::VfioDevice> device)
    : executor_(std::move(executor)), device_(std::move(device)) {}

Doorbell::~Doorbell() {
    disarm();
}

base::Result<std::unique_ptr<Doorbell>> Doorbell::arm(const asio::any_io_executor& executor,
                                                      std::shared_ptr<pci::VfioDevice> device,
                                                      std::span<const pci::DoeCapability> mailboxes,
                                                      Handlers handlers) {
    auto messages = read_messages(*device, mailboxes);
    for (int attempt = 0; attempt < arming_attempts; ++attempt) {
        if (!messages) {
            return std::unexpected(messages.error());
        }
        if (messages->empty()) {
            return base::fail(Errc::not_supported, "no mailbox of the device has interrupts");
        }
        std::unique_ptr<Doorbell> doorbell(new Doorbell(executor, device));
        base::Result<void> armed = doorbell->watch(*messages, handlers);
        if (armed) {
            armed = doorbell->set_vectors();
        }
        if (!armed) {
            return std::unexpected(armed.error());
        }
        messages = read_messages(*device, mailboxes);
        if (!messages || *messages != doorbell->messages_) {
            continue;  // which takes these vectors down
        }
        armed = doorbell->set_bus_master(true);
        if (!armed) {
            return std::unexpected(armed.error());
        }
        return doorbell;
    }
    return base::fail(Errc::io, "the interrupt message numbers do not settle");
}

base::Result<Doorbell::Messages> Doorbell::read_messages(
    pci::VfioDevice& device, std::span<const pci::DoeCapability> mailboxes) {
    Messages messages;
    for (const auto& mailbox : mailboxes) {
        const auto capabilities =
            device.read32(static_cast<std::uint16_t>(mailbox.offset + doe::reg::capabilities));
        if (!capabilities) {
            return std::unexpected(capabilities.error());
        }
        if (*capabilities != pci::all_ones &&
            (*capabilities & doe::capabilities_interrupt_support) != 0) {
            messages.emplace(mailbox.offset, doe::interrupt_message_number(*capabilities));
        }
    }
    return messages;
}

base::Result<void> Doorbell::watch(const Messages& messages, const Handlers& handlers) {
    messages_ = messages;
    // Mailboxes may share a message: all of them are told, and look.
    std::map<std::uint16_t, std::vector<std::function<void()>>> by_message;
    for (const auto& [offset, message] : messages) {
        const auto handler = handlers.find(offset);
        by_message[message].push_back(handler == handlers.end() ? [] {} : handler->second);
    }
    for (auto& [message, group] : by_message) {
        auto watch = EventfdWatch::create(executor_, [group = std::move(group)] {
            for (const auto& handler : group) {
                handler();
            }
        });
        if (!watch) {
            return std::unexpected(watch.error());
        }
        vectors_.emplace(message, std::move(*watch));
    }
    return {};
}

base::Result<void> Doorbell::set_vectors() {
    const std::uint32_t needed = vectors_.rbegin()->first + 1U;
    const std::uint32_t msix = device_->vector_count(pci::VfioInterrupt::msix);
    const std::uint32_t msi = device_->vector_count(pci::VfioInterrupt::msi);
    if (msix < needed && msi < needed) {
        return base::fail(Errc::not_supported,
                          "the mailboxes name vector " + std::to_string(needed - 1) +
                              ", the device has " + std::to_string(std::max(msix, msi)));
    }
    if (msix >= needed) {
        return set_vectors(pci::VfioInterrupt::msix, needed);
    }
    // MSI message numbers depend on how many messages are enabled, so all of them are, or as many as the host has to give.
    const auto all = set_vectors(pci::VfioInterrupt::msi, msi);
    if (all || all.error().code() != Errc::not_supported || msi == needed) {
        return all;
    }
    return set_vectors(pci::VfioInterrupt::msi, needed);
}

base::Result<void> Doorbell::set_vectors(pci::VfioInterrupt kind, std::uint32_t count) {
    std::vector<int> eventfds(count, -1);
    for (const auto& [message, vector] : vectors_) {
        eventfds[message] = vector->eventfd();
    }
    const auto armed = device_->arm(kind, eventfds);
    kind_ = kind;
    armed_ = armed.has_value();
    return armed;
}

base::Result<void> Doorbell::set_bus_master(bool on) {
    const auto command = device_->read32(PCI_COMMAND);
    if (!command) {
        return std::unexpected(command.error());
    }
    if (*command == pci::all_ones) {
        return base::fail(Errc::device_gone);
    }
    // The upper half is the Status register, whose bits are cleared by writing ones: it is written as zeros.
    const std::uint32_t others =
        *command & 0xFFFFU & ~static_cast<std::uint32_t>(PCI_COMMAND_MASTER);
    const auto written =
        device_->write32(PCI_COMMAND, others | (on ? std::uint32_t{PCI_COMMAND_MASTER} : 0U));
    bus_master_ = on && written;
    return written;
}

void Doorbell::disarm() {
    // A device that has gone cannot be told; everything on this side is taken down all the same.
    if (std::exchange(bus_master_, false)) {
        static_cast<void>(set_bus_master(false));
    }
    if (std::exchange(armed_, false)) {
        static_cast<void>(device_->disarm(kind_));
    }
    vectors_.clear();
}

}  // namespace doed::io
