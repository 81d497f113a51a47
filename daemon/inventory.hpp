// SPDX-License-Identifier: Apache-2.0
//
// Every device with DOE mailboxes and what is served of it: who owns each mailbox, the mailboxes
// that are driven, their tables, and the D-Bus objects of all of them. Bus loop only; the scan
// blocks and is made before the loop runs.
#pragma once

#include "daemon/bus/pump.hpp"
#include "daemon/cdat_cache.hpp"
#include "daemon/config.hpp"
#include "daemon/kernel_view.hpp"
#include "daemon/log.hpp"
#include "daemon/objects/cdat_object.hpp"
#include "daemon/objects/device_object.hpp"
#include "daemon/objects/mailbox_object.hpp"
#include "daemon/served_mailbox.hpp"
#include "pci/host.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace doed::daemon {

class Inventory {
public:
    /// `loop` runs everything here, `workers` what blocks. All outlive the inventory.
    Inventory(const Config& config, const Log& log, boost::asio::any_io_executor loop,
              boost::asio::any_io_executor workers);

    /// Finds devices and mailboxes and decides on their owners. `kernel` is what the kernel shows
    /// of itself; nothing for a host that has no kernel. Error: that of the host's scan. Blocks.
    [[nodiscard]] base::Result<void> scan(pci::Host& host, const std::optional<KernelView>& kernel);

    /// Begins to drive the mailboxes that are the daemon's. Opens their devices, hence blocks
    /// shortly.
    void claim(pci::Host& host);

    /// Publishes everything found; mailboxes get the Cdat interface as soon as they are known to
    /// offer it.
    void publish(sdbus::IConnection& connection, bus::Pump& pump);

    /// Called after every change of a mailbox.
    void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

    /// Whether every first claim is over.
    [[nodiscard]] bool settled() const;
    /// "3 devices, 4 mailboxes (3 driven)"
    [[nodiscard]] std::string summary() const;

    /// Lets every mailbox go; `closed` is called once, when the last exchange on a wire has ended.
    void close(std::function<void()> closed);

private:
    struct Mailbox {
        std::shared_ptr<ServedMailbox> served;
        std::shared_ptr<CdatCache> cache;
        std::unique_ptr<MailboxObject> object;
        std::unique_ptr<CdatObject> cdat_object;
        std::string logged_error;  ///< so that a mailbox that fails again and again is logged once
    };
    struct Device {
        pci::DeviceInfo info;
        KernelFacts kernel;
        Ownership ownership;
        std::vector<std::unique_ptr<Mailbox>> mailboxes;
        std::unique_ptr<DeviceObject> object;
    };

    void add_device(pci::DeviceInfo info, std::string_view backend,
                    const std::optional<KernelView>& kernel);
    void add_mailbox(Device& device, const pci::DoeCapability& capability,
                     std::string_view backend);
    [[nodiscard]] std::shared_ptr<CdatCache> make_cache(const Device& device,
                                                        const ServedMailbox& mailbox) const;
    void mailbox_changed(Mailbox& mailbox, const doe::MailboxStatus& before);
    void log_error(Mailbox& mailbox);
    void update_cdat(Mailbox& mailbox);

    const Config& config_;
    const Log& log_;
    boost::asio::any_io_executor loop_;
    boost::asio::any_io_executor workers_;
    sdbus::IConnection* connection_ = nullptr;  ///< set once published
    bus::Pump* pump_ = nullptr;
    std::function<void()> changed_;
    std::vector<std::unique_ptr<Device>> devices_;
};

}  // namespace doed::daemon
