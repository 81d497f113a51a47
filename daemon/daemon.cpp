// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.hpp"

#include "base/dbus_names.hpp"
#include "daemon/bus/connect.hpp"
#include "daemon/kernel_view.hpp"
#include "emulator/emulated_host.hpp"
#include "pci/power_pin.hpp"
#include "pci/sysfs_host.hpp"

#include <boost/asio/post.hpp>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {

// Clients find a complete picture when the name appears, unless a device is slow to be claimed.
constexpr std::chrono::seconds claim_patience{2};
// An exchange on the wire and the abort after it take their second each; a process manager waits
// for 3.
constexpr std::chrono::milliseconds close_patience{2500};
// After an emulated device seemed gone, and while one is missing.
constexpr std::chrono::milliseconds emulated_look_pause{250};
constexpr std::chrono::milliseconds emulated_look_again_pause{1000};

std::string user_name() {
    const passwd* const user = ::getpwuid(::geteuid());
    return user != nullptr ? user->pw_name : std::to_string(::geteuid());
}

StartupFailure name_failure(const sdbus::Error& error, const std::string& bus) {
    if (error.getName() == "org.freedesktop.DBus.Error.AccessDenied") {
        return {ExitCode::not_permitted,
                fmt::format(
                    "the bus policy does not let user {} own {}: it is for user doed where "
                    "/usr/share/dbus-1/system.d/org.doed1.conf is installed; start the service, or "
                    "install that file",
                    user_name(), names::bus_name)};
    }
    return {ExitCode::no_bus,
            fmt::format(
                "cannot take the name {} on the bus ({}): {}; another doed may be running there",
                names::bus_name, bus, error.getMessage())};
}

}  // namespace

Daemon::Daemon(const Options& options, const Config& config, const Log& log,
               std::unique_ptr<opener::Client> opener)
    : options_(options),
      config_(config),
      log_(log),
      workers_({.threads = config.workers}),
      events_(loop_.get_executor(), config.events),
      opener_(std::move(opener)) {}

Daemon::~Daemon() {
    // What asked for an orderly end in the meantime may be among what is done below.
    stopping_ = true;
    hotplug_.reset();
    watchdog_.reset();
    // Answers that are still on their way are given while there is a connection to give them to. Nothing new comes in.
    if (pump_) {
        pump_->stop();
    }
    workers_.join();
    loop_.restart();
    loop_.poll();
    manager_.reset();
    inventory_.reset();
    gate_.reset();
    polkit_.reset();
    clients_.reset();
    credentials_.reset();
    peers_.reset();
    pump_.reset();
    connection_.reset();
}

// --- Start ---------------------------------------------------------------------------------------

Startup<void> Daemon::start() {
    constexpr Startup<void> (Daemon::* steps[])() = {
        &Daemon::watch_signals,  // from here on a request to end is an orderly end
        &Daemon::take_lock,      // one doed per host
        &Daemon::open_host,      // this one, or an emulated one
        &Daemon::connect_bus,    // no bus, no reason to touch a device
        &Daemon::restore_power,  // what a crash left pinned
        &Daemon::open_leases,    // what is still lent is not ours to touch
        &Daemon::watch_devices,  // before the first look, so that nothing is missed between them
        &Daemon::take_devices,   // who owns what; abort and discovery begin on the workers
        &Daemon::export_objects,
    };
    for (const auto step : steps) {
        if (auto done = (this->*step)(); !done) {
            return done;
        }
    }
    return {};
}

Startup<void> Daemon::watch_signals() {
    for (const int signal : {SIGTERM, SIGINT}) {
        signals_.add(signal);
    }
    // Started by nohup(1), it outlives its terminal.
    struct sigaction hangup{};
    if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
        signals_.add(SIGHUP);
    }
    signals_.async_wait([this](const boost::system::error_code& error, int) {
        if (!error) {
            stop({});
        }
    });
    return {};
}

Startup<void> Daemon::take_lock() {
    if (options_.topology_file) {
        return {};
    }
    auto lock = InstanceLock::take(InstanceLock::runtime_directory());
    if (!lock) {
        return std::unexpected(lock.error());
    }
    lock_ = std::move(*lock);
    return {};
}

Startup<void> Daemon::open_host() {
    if (!options_.topology_file) {
        opener_->on_lost([this] {
            asio::post(loop_, [this] {
                stop(
                    StartupFailure{ExitCode::failure,
                                   "doed-opener has ended, without which no device can be opened"});
            });
        });
        host_ = std::make_unique<pci::SysfsHost>(options_.sysfs_root.string(), *opener_);
        return {};
    }
    auto host = emulator::EmulatedHost::load(*options_.topology_file);
    if (!host) {
        return file_failure(host.error());
    }
    host_ = std::move(*host);
    return {};
}

void Daemon::regard_kernel() {
    if (options_.topology_file) {
        // The drivers of emulated devices take nothing.
        context_->driver_grace = {};
        return;
    }
    utsname kernel{};
    if (::uname(&kernel) != 0) {
        return;
    }
    context_->kernel_use = mailbox_use(kernel.release);
    if (config_writes_taint(kernel.release)) {
        log_.warning(
            fmt::format("Linux {} may call itself tainted when config space is written; "
                        "6.4 and later do not",
                        kernel.release));
    }
}

Startup<void> Daemon::connect_bus() {
    auto connection = bus::connect(options_.bus);
    if (!connection) {
        return startup_failure(
            ExitCode::no_bus,
            fmt::format("cannot reach the bus ({}): {}; start it, or name another one with --bus",
                        options_.bus, connection.error().context()));
    }
    connection_ = std::move(*connection);
    pump_.emplace(loop_, *connection_, [this](const std::string& reason) {
        serving_ = false;
        stop(StartupFailure{ExitCode::failure, "the connection to the bus is lost: " + reason});
    });
    return {};
}

std::filesystem::path Daemon::power_records() const {
    return InstanceLock::runtime_directory() / "power";
}

Startup<void> Daemon::restore_power() {
    if (options_.topology_file) {
        return {};
    }
    for (const auto& line : pci::PowerPin::restore(*opener_, power_records())) {
        log_.info(line);
    }
    std::error_code error;
    std::filesystem::create_directory(power_records(), error);
    if (error) {
        return startup_failure(
            ExitCode::failure,
            fmt::format("cannot make {}: {}", power_records().string(), error.message()));
    }
    return {};
}

/// Several doeds may emulate at the same time, each with leases of its own; a service manager's directory is one doed's.
Startup<void> Daemon::open_leases() {
    const char* const given = std::getenv("RUNTIME_DIRECTORY");
    const bool is_private = options_.topology_file && (given == nullptr || *given == 0);
    auto leases = is_private ? LeaseRegistry::open_private(loop_.get_executor())
                             : LeaseRegistry::open(loop_.get_executor(),
                                                   InstanceLock::runtime_directory() / "leases");
    if (!leases) {
        return startup_failure(ExitCode::failure,
                               "cannot keep leases: " + leases.error().context());
    }
    leases_ = std::move(*leases);
    return {};
}

Startup<void> Daemon::watch_devices() {
    if (options_.topology_file) {
        return {};
    }
    auto monitor = HotplugMonitor::start(loop_, [this] { inventory_->look(); });
    if (!monitor) {
        return startup_failure(ExitCode::failure, "cannot follow devices as they come and go: " +
                                                      monitor.error().message());
    }
    hotplug_ = std::move(*monitor);
    return {};
}

/// Nobody tells of emulated devices that come and go. They do so only where a fault script says so: a look is made when a
/// device seems gone, and again while one is missing.
void Daemon::look_at_emulated_host(std::chrono::milliseconds pause) {
    if (!options_.topology_file) {
        return;
    }
    emulated_look_.expires_after(pause);
    emulated_look_.async_wait([this, pause](const boost::system::error_code& error) {
        if (error || !inventory_) {
            return;
        }
        // What comes of a look is known later: the next one is made in any case, and is the last when all are there.
        most_devices_ = std::max(most_devices_, inventory_->device_count());
        const bool all =
            pause == emulated_look_again_pause && inventory_->device_count() == most_devices_;
        inventory_->look();
        if (!all) {
            look_at_emulated_host(emulated_look_again_pause);
        }
    });
}

Startup<void> Daemon::take_devices() {
    context_.emplace(DeviceContext{
        .config = config_,
        .log = log_,
        .host = *host_,
        .opener = opener_.get(),
        .sysfs_root = options_.topology_file ? std::nullopt : std::optional(options_.sysfs_root),
        .power_records = power_records(),
        .leases = *leases_,
        .events = &events_,
        .loop = loop_.get_executor(),
        .workers = workers_.get_executor(),
        .pool = &workers_,
        .changed =
            [this] {
                if (!serving_ && inventory_ && inventory_->settled()) {
                    asio::post(loop_, [this] { serve(); });
                }
            },
        .look =
            [this] {
                if (hotplug_) {
                    hotplug_->look();
                } else {
                    look_at_emulated_host(emulated_look_pause);
                }
            },
    });
    regard_kernel();
    inventory_.emplace(*context_);
    if (auto begun = inventory_->begin(); !begun) {
        if (begun.error().code() == base::Errc::not_found &&
            options_.sysfs_root != default_sysfs_root) {
            return startup_failure(ExitCode::usage, "--sysfs-root: " + begun.error().context() +
                                                        " does not exist; sysfs is usually at " +
                                                        default_sysfs_root);
        }
        const bool denied = begun.error().code() == base::Errc::access_denied;
        return startup_failure(denied ? ExitCode::not_permitted : ExitCode::failure,
                               "cannot look for devices: " + begun.error().message());
    }
    return {};
}

/// Without it reading is for root and for whom polkit lets.
std::optional<std::uint32_t> Daemon::reader_group() const {
    errno = 0;
    if (const group* const found = ::getgrnam(config_.reader_group.c_str())) {
        return found->gr_gid;
    }
    if (options_.topology_file) {
        return std::nullopt;
    }
    log_.warning(fmt::format(
        "there is no group {0} ({1}): only root, and whom polkit lets, may read devices; make it "
        "with systemd-sysusers (its file is /usr/lib/sysusers.d/doed.conf), or groupadd --system "
        "{0}",
        config_.reader_group, errno == 0 ? "not in the group database" : std::strerror(errno)));
    return std::nullopt;
}

Startup<void> Daemon::export_objects() {
    try {
        peers_.emplace(*connection_);
        credentials_.emplace(*connection_, *pump_);
        clients_.emplace(
            *peers_,
            [this](const std::string& client, bus::CredentialsLookup::Found found) {
                credentials_->find(client, std::move(found));
            },
            config_.limits);
        polkit_.emplace(*connection_, *pump_);
        gate_.emplace(*clients_, *polkit_,
                      bus::Gatekeeper::Setup{
                          .own_uid = ::geteuid(),
                          .group = reader_group(),
                          .group_name = config_.reader_group,
                          .refreshes = config_.refreshes,
                          .denied = [this](const bus::Denial& denial) { denials_.note(denial); }});
        manager_.emplace(*connection_, *pump_, *gate_, events_,
                         ManagerObject::Setup{.allowed = config_.allowed,
                                              .lockdown = inventory_->lockdown(),
                                              .default_deadline = config_.default_deadline});
        inventory_->publish(*connection_, *pump_, *gate_, *manager_);
    } catch (const sdbus::Error& error) {
        return startup_failure(ExitCode::failure,
                               "cannot publish objects on the bus: " + error.getMessage());
    }
    return {};
}

// --- Life ----------------------------------------------------------------------------------------

Startup<void> Daemon::run() {
    pump_->start();
    feed_watchdog();
    await_claims();
    run_loop();
    if (!closed_) {
        // A worker hangs in a device and cannot be joined. The kernel takes back all that is ours.
        log_.warning("a device did not let go in time; ending without it");
        if (failure_) {
            log_.error(failure_->message);
        }
        leases_.reset();  // a directory of our own is nothing that the kernel takes back
        std::_Exit(static_cast<int>(failure_ ? failure_->code : ExitCode::ok));
    }
    if (failure_) {
        return std::unexpected(*failure_);
    }
    return {};
}

/// Until stop() has come to its end. What a handler threw ends the service, in the same way.
void Daemon::run_loop() {
    while (!loop_.stopped()) {
        try {
            loop_.run();
        } catch (const std::exception& error) {
            stop(StartupFailure{ExitCode::failure, std::string("unexpected: ") + error.what()});
        }
    }
}

void Daemon::feed_watchdog() {
    const auto interval = Watchdog::wanted_interval();
    if (!interval) {
        return;
    }
    watchdog_.emplace(
        loop_, workers_, log_,
        Watchdog::Setup{
            .interval = *interval,
            .feed = [] { ::sd_notify(0, "WATCHDOG=1"); },
            .ping = [ping = std::make_shared<bus::Ping>(*connection_, *pump_)](
                        std::chrono::microseconds patience,
                        bus::Ping::Heard heard) { ping->send(patience, std::move(heard)); }});
    watchdog_->start();
}

void Daemon::await_claims() {
    timer_.expires_after(claim_patience);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) {
            serve();
        }
    });
    if (inventory_->settled()) {
        serve();
    }
}

void Daemon::serve() {
    if (serving_ || stopping_) {
        return;
    }
    timer_.cancel();
    try {
        bus::request_name(*connection_, names::bus_name);
    } catch (const sdbus::Error& error) {
        stop(name_failure(error, options_.bus));
        return;
    }
    serving_ = true;
    pump_->kick();
    const std::string summary = inventory_->summary();
    log_.info(fmt::format("serving {} on the bus ({})", summary, options_.bus));
    ::sd_notify(0, ("READY=1\nSTATUS=Serving " + summary).c_str());
}

// --- End -----------------------------------------------------------------------------------------

/// The reverse of the start: the mailboxes, then (in the destructor) objects, connection and with it
/// the name, lock. Nothing here waits for the bus, which may be what is being stopped.
void Daemon::stop(std::optional<StartupFailure> failure) {
    if (std::exchange(stopping_, true)) {
        return;
    }
    failure_ = std::move(failure);
    ::sd_notify(0, "STOPPING=1\nSTATUS=Waiting for exchanges to end");
    if (watchdog_) {
        watchdog_->stopping();
    }
    hotplug_.reset();
    emulated_look_.cancel();
    timer_.expires_after(close_patience);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) {
            loop_.stop();
        }
    });
    inventory_->close([this] {
        // Workers may still be in a file of the kernel's; waited for where it does not hold the patience above. When that
        // ends first, the process ends with it, and so does this thread.
        std::thread([this] {
            workers_.join();
            asio::post(loop_, [this] {
                closed_ = true;
                loop_.stop();
            });
        }).detach();
    });
}

}  // namespace doed::daemon
