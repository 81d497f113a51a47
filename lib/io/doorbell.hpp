// SPDX-License-Identifier: Apache-2.0
//
// The interrupts of one VFIO device's mailboxes, by the doorbell rule: a doorbell is published only when its handler can
// take it. Eventfds exist and are watched, then the vectors are set, then the message numbers are read again (PCIe r6.2
// 7.9.24.2: they may change with the kind and number of enabled vectors), then Bus Master is set, without which no message
// leaves the device. Interrupt Enable of each mailbox comes last and is the mailbox's own. Taken down in reverse.
#pragma once

#include "io/eventfd_watch.hpp"
#include "pci/device_info.hpp"
#include "pci/vfio_device.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>

namespace doed::io {

class Doorbell {
public:
    /// What to call when a mailbox's interrupt arrives: on the executor, from any of its threads.
    using Handlers = std::map<std::uint16_t, std::function<void()>>;

    /// Arms the vectors that the mailboxes name, all or none. Mailboxes without interrupt support are left out. Errors:
    /// not_supported (no mailbox, or not enough vectors), device_gone, io; nothing stays armed then.
    [[nodiscard]] static base::Result<std::unique_ptr<Doorbell>> arm(
        const boost::asio::any_io_executor& executor, std::shared_ptr<pci::VfioDevice> device,
        std::span<const pci::DoeCapability> mailboxes, Handlers handlers);
    Doorbell(const Doorbell&) = delete;
    Doorbell& operator=(const Doorbell&) = delete;
    /// Called once all mailboxes have cleared Interrupt Enable.
    ~Doorbell();

    /// Whether the mailbox at this capability offset has its interrupt armed.
    [[nodiscard]] bool serves(std::uint16_t capability_offset) const {
        return messages_.contains(capability_offset);
    }

private:
    using Messages =
        std::map<std::uint16_t, std::uint16_t>;  ///< message number by capability offset

    Doorbell(boost::asio::any_io_executor executor, std::shared_ptr<pci::VfioDevice> device);

    [[nodiscard]] static base::Result<Messages> read_messages(
        pci::VfioDevice& device, std::span<const pci::DoeCapability> mailboxes);
    [[nodiscard]] base::Result<void> watch(const Messages& messages, const Handlers& handlers);
    [[nodiscard]] base::Result<void> set_vectors();
    [[nodiscard]] base::Result<void> set_vectors(pci::VfioInterrupt kind, std::uint32_t count);
    [[nodiscard]] base::Result<void> set_bus_master(bool on);
    void disarm();

    boost::asio::any_io_executor executor_;
    std::shared_ptr<pci::VfioDevice> device_;
    Messages messages_;
    std::map<std::uint16_t, std::unique_ptr<EventfdWatch>> vectors_;  ///< by message number
    pci::VfioInterrupt kind_ = pci::VfioInterrupt::msix;
    bool armed_ = false;
    bool bus_master_ = false;
};

}  // namespace doed::io
