// SPDX-License-Identifier: Apache-2.0
//
// One device in this process's hands: how its config space is reached, its interrupts, its power. Made on a worker (it
// blocks: VFIO resets the function), dropped when the last of its mailboxes has closed; dropping gives the device back.
#pragma once

#include "daemon/kernel_view.hpp"
#include "daemon/ownership.hpp"
#include "io/doorbell.hpp"
#include "io/eventfd_watch.hpp"
#include "pci/host.hpp"
#include "pci/opener.hpp"
#include "pci/power_pin.hpp"
#include "pci/vfio_device.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace doed::daemon {

/// What VFIO itself has to say of a device; called on the executor of the session.
struct DeviceSignals {
    std::function<void()> wanted_back;  ///< the driver is to be unbound or the device removed
    std::function<void()> error;        ///< an uncorrectable error was reported (AER)
};

struct SessionRequest {
    pci::DeviceInfo device;
    Owner owner = Owner::daemon;  ///< daemon or vfio
    /// What is driven stays ours only while no other driver takes it; else the configuration claims it from any driver.
    bool kernel_first = true;
    std::uint64_t driver_identity = 0;            ///< of the link to the driver
    MailboxUse kernel_use = MailboxUse::at_once;  ///< of this host's kernel
    bool interrupts = true;                       ///< wanted, where there are any
    pci::Opener* opener = nullptr;  ///< null on an emulated host; outlives the session
    std::filesystem::path sysfs_root;
    std::filesystem::path power_records;  ///< empty: the host's devices have no power to manage
};

class DeviceSession {
public:
    /// Errors: those of VfioDevice::open and pci::Host::open.
    [[nodiscard]] static base::Result<std::shared_ptr<DeviceSession>> open(
        pci::Host& host, const SessionRequest& request,
        const boost::asio::any_io_executor& executor, DeviceSignals signals);
    DeviceSession(const DeviceSession&) = delete;
    DeviceSession& operator=(const DeviceSession&) = delete;
    ~DeviceSession() = default;

    /// "sysfs", "vfio", "emulator": the Backend property.
    [[nodiscard]] std::string_view backend() const noexcept { return backend_; }
    /// Config space for one mailbox. Errors: those of pci::Host::open.
    [[nodiscard]] base::Result<std::unique_ptr<pci::ConfigSpace>> open_config();
    /// Whether the mailbox at this offset has its interrupt armed.
    [[nodiscard]] bool has_interrupt(std::uint16_t offset) const {
        return doorbell_ && doorbell_->serves(offset);
    }
    /// Why there are no interrupts although they were wanted; empty when there are, or none were.
    [[nodiscard]] const std::string& no_interrupt_reason() const noexcept {
        return no_interrupt_reason_;
    }
    /// Who hears of the interrupt of the mailbox at `offset`; replaces who did. Any thread.
    void on_interrupt(std::uint16_t offset, std::function<void()> handler);

private:
    DeviceSession(pci::Host& host, const SessionRequest& request);

    [[nodiscard]] base::Result<void> take_by_vfio(const SessionRequest& request,
                                                  const boost::asio::any_io_executor& executor,
                                                  DeviceSignals signals);
    void arm_interrupts(const SessionRequest& request,
                        const boost::asio::any_io_executor& executor);

    /// Outlives the session as long as an interrupt is being handled.
    struct Listeners {
        std::mutex mutex;
        std::map<std::uint16_t, std::function<void()>> by_offset;
    };

    pci::Host& host_;
    pci::Address address_;
    std::string_view backend_;
    std::filesystem::path
        guarded_in_;  ///< sysfs, where the kernel may take the device; empty: it cannot
    std::string driver_;
    std::uint64_t driver_identity_ = 0;
    MailboxUse kernel_use_;
    std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
    std::string no_interrupt_reason_;
    std::shared_ptr<pci::PowerPin> power_;
    // Dropped from the last to the first: doorbell, then signals, then the device.
    std::shared_ptr<pci::VfioDevice> vfio_;
    std::unique_ptr<io::EventfdWatch> wanted_back_;
    std::unique_ptr<io::EventfdWatch> error_;
    std::unique_ptr<io::Doorbell> doorbell_;
};

}  // namespace doed::daemon
