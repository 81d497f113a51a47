// SPDX-License-Identifier: Apache-2.0
//
// Every device with DOE mailboxes, kept equal to what the host shows: a look at the host is compared with what is served,
// and devices are added, updated and closed. Bus loop only; looks are made on the workers, one at a time.
#pragma once

#include "daemon/host_findings.hpp"
#include "daemon/objects/manager_object.hpp"
#include "daemon/served_device.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace doed::daemon {

class Inventory {
public:
    /// `context` outlives the inventory.
    explicit Inventory(const DeviceContext& context) : context_(context), retry_(context.loop) {}

    /// The first look, made before the loop runs: begins to drive what is ours. Error: that of the host's scan. Blocks, for a time
    /// that the context names; what has not been found by then comes later.
    [[nodiscard]] base::Result<void> begin();
    /// Another look, on a worker; what has changed is taken over when it is done.
    void look();
    /// Puts the objects on the bus, also those of devices that come later. The manager is told of what
    /// concerns the host as a whole.
    void publish(sdbus::IConnection& connection, bus::Pump& pump, bus::Gatekeeper& gate,
                 ManagerObject& manager);

    /// Whether begin() has been and no claim is under way.
    [[nodiscard]] bool settled() const;
    [[nodiscard]] std::size_t device_count() const noexcept { return devices_.size(); }
    /// "3 devices, 4 mailboxes (3 driven)"
    [[nodiscard]] std::string summary() const;
    [[nodiscard]] LockdownMode lockdown() const noexcept { return lockdown_; }

    /// Lets every device go; `closed` is called once, when the last exchange on a wire has ended and every device has been
    /// given back.
    void close(std::function<void()> closed);

private:
    using DevicePtr = std::shared_ptr<ServedDevice>;

    void await_first(std::future<base::Result<HostFindings>> findings);
    void looked(base::Result<HostFindings> findings);
    void look_later();
    void take_over(HostFindings findings);
    void take_over(LockdownMode lockdown);
    void add(DeviceFinding finding);
    void remove(const pci::Address& address);
    void log_problems(const HostFindings& findings);

    const DeviceContext& context_;
    std::map<pci::Address, DevicePtr> devices_;
    std::set<pci::Address> departing_;          ///< closed, and not given back yet
    std::shared_ptr<void> departures_awaited_;  ///< by close(), until there are none
    boost::asio::steady_timer retry_;
    std::set<std::string> logged_problems_;
    LockdownMode lockdown_ = LockdownMode::unknown;
    bool begun_ = false;
    bool looking_ = false;
    bool look_again_ = false;
    bool closing_ = false;
    std::shared_ptr<int> life_ =
        std::make_shared<int>(0);  ///< what was posted runs only while it lives

    sdbus::IConnection* connection_ = nullptr;  ///< set once published
    bus::Pump* pump_ = nullptr;
    bus::Gatekeeper* gate_ = nullptr;
    ManagerObject* manager_ = nullptr;
};

}  // namespace doed::daemon
