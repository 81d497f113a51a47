// SPDX-License-Identifier: Apache-2.0
//
// The service as a whole: what it owns, in the order it is made, and the way from start to end. One
// thread runs the bus loop; a pool of workers runs everything that may block on hardware.
#pragma once

#include "daemon/bus/authority.hpp"
#include "daemon/bus/clients.hpp"
#include "daemon/bus/credentials_lookup.hpp"
#include "daemon/bus/gatekeeper.hpp"
#include "daemon/bus/peer_watch.hpp"
#include "daemon/bus/pump.hpp"
#include "daemon/config.hpp"
#include "daemon/denial_log.hpp"
#include "daemon/events/event_hub.hpp"
#include "daemon/exit_code.hpp"
#include "daemon/hotplug_monitor.hpp"
#include "daemon/instance_lock.hpp"
#include "daemon/inventory.hpp"
#include "daemon/lease_registry.hpp"
#include "daemon/log.hpp"
#include "daemon/objects/manager_object.hpp"
#include "daemon/opener/client.hpp"
#include "daemon/options.hpp"
#include "daemon/watchdog.hpp"
#include "io/worker_pool.hpp"
#include "pci/host.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace doed::daemon {

class Daemon {
public:
    /// `opener` is null on an emulated host.
    Daemon(const Options& options, const Config& config, const Log& log,
           std::unique_ptr<opener::Client> opener);
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    ~Daemon();

    /// Everything up to the objects on the bus. What fails has been undone when it returns.
    [[nodiscard]] Startup<void> start();

    /// Takes the bus name, serves until SIGTERM, SIGINT or SIGHUP, and undoes what start() did in reverse
    /// order. Ends within 3 s of the signal; when a device holds a worker longer than that, the
    /// process ends here.
    [[nodiscard]] Startup<void> run();

    /// What runs everything on the bus.
    [[nodiscard]] boost::asio::io_context& loop() noexcept { return loop_; }
    /// What runs the strands of the mailboxes.
    [[nodiscard]] io::WorkerPool& workers() noexcept { return workers_; }

private:
    // start(), in this order.
    Startup<void> watch_signals();
    Startup<void> take_lock();
    Startup<void> open_host();
    Startup<void> connect_bus();
    Startup<void> restore_power();
    Startup<void> open_leases();
    Startup<void> watch_devices();
    Startup<void> take_devices();
    Startup<void> export_objects();
    void look_at_emulated_host(std::chrono::milliseconds pause);

    void regard_kernel();
    [[nodiscard]] std::optional<std::uint32_t> reader_group() const;
    [[nodiscard]] std::filesystem::path power_records() const;

    // run().
    void feed_watchdog();
    void await_claims();
    void serve();
    void run_loop();
    void stop(std::optional<StartupFailure> failure);

    const Options& options_;
    const Config& config_;
    const Log& log_;

    std::optional<InstanceLock> lock_;  ///< outlives the workers, which may still hold a device
    boost::asio::io_context loop_{1};
    io::WorkerPool workers_;
    boost::asio::signal_set signals_{loop_};
    boost::asio::steady_timer timer_{loop_};
    boost::asio::steady_timer emulated_look_{loop_};
    std::size_t most_devices_ = 0;  ///< that an emulated host had

    EventHub events_;  ///< outlives the connection: who reads its end finds the name free
    std::unique_ptr<opener::Client> opener_;
    std::unique_ptr<pci::Host> host_;
    std::unique_ptr<sdbus::IConnection> connection_;
    std::optional<bus::Pump> pump_;
    std::optional<bus::PeerWatch> peers_;
    std::optional<bus::CredentialsLookup> credentials_;
    std::optional<bus::Clients> clients_;
    std::optional<bus::Polkit> polkit_;
    DenialLog denials_{log_};
    std::optional<bus::Gatekeeper> gate_;
    std::unique_ptr<LeaseRegistry> leases_;
    std::optional<DeviceContext> context_;
    std::optional<Inventory> inventory_;
    std::unique_ptr<HotplugMonitor> hotplug_;
    std::optional<ManagerObject> manager_;
    std::optional<Watchdog> watchdog_;  ///< when the service manager wants one

    bool serving_ = false;  ///< the name is ours
    bool stopping_ = false;
    bool closed_ = false;  ///< every mailbox has let go, every worker ended
    std::optional<StartupFailure> failure_;
};

}  // namespace doed::daemon
