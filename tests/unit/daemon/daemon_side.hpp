// SPDX-License-Identifier: Apache-2.0
//
// What devices need of a daemon to be served on a bus: connection, loop on a thread of its own, workers, watch over
// clients; and a client on the test's thread. What is the daemon's is touched on the loop only.
#pragma once

#include "base/dbus_names.hpp"
#include "changing_host.hpp"
#include "daemon/bus/authority.hpp"
#include "daemon/bus/clients.hpp"
#include "daemon/bus/connect.hpp"
#include "daemon/bus/credentials_lookup.hpp"
#include "daemon/bus/gatekeeper.hpp"
#include "daemon/bus/peer_watch.hpp"
#include "daemon/bus/pump.hpp"
#include "daemon/events/event_hub.hpp"
#include "daemon/objects/manager_object.hpp"
#include "daemon/served_device.hpp"
#include "fake_tree.hpp"
#include "private_bus.hpp"
#include "test_client.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace doed::daemon {

class DaemonSide {
public:
    DaemonSide() {
        // A device that is held takes longer than any device.
        config.device_default.mailbox.exchange_timeout = std::chrono::minutes(1);
        auto opened = bus::connect(bus.address());
        if (!opened) {
            throw std::runtime_error(opened.error().message());
        }
        connection = std::move(*opened);
        pump.emplace(loop, *connection, [](const std::string&) {});
        peers.emplace(*connection);
        credentials.emplace(*connection, *pump);
        clients.emplace(
            *peers,
            [this](const std::string& name, bus::CredentialsLookup::Found found) {
                credentials->find(name, std::move(found));
            },
            config.limits);
        polkit.emplace(*connection, *pump);
        gate.emplace(*clients, *polkit, bus::Gatekeeper::Setup{});
        manager.emplace(*connection, *pump, *gate, events,
                        ManagerObject::Setup{.allowed = config.allowed,
                                             .lockdown = LockdownMode::unknown,
                                             .default_deadline = config.default_deadline});
        bus::request_name(*connection, names::bus_name);
        client.emplace(bus.address());
        pump->start();
        thread = std::thread([this] {
            const auto work = boost::asio::make_work_guard(loop);
            loop.run();
        });
    }
    DaemonSide(const DaemonSide&) = delete;
    DaemonSide& operator=(const DaemonSide&) = delete;
    ~DaemonSide() = default;

    /// Runs it on the loop and waits for its end.
    template <typename Function>
    auto on_loop(Function function) {
        std::packaged_task<std::invoke_result_t<Function>()> task(std::move(function));
        auto done = task.get_future();
        boost::asio::post(loop, std::move(task));
        expect(done);
        return done.get();
    }
    /// Calls it on the loop with what is to be called at its end, and waits for that.
    void finish_on_loop(const std::function<void(std::function<void()> finished)>& begin) {
        const auto finished = std::make_shared<std::promise<void>>();
        auto done = finished->get_future();
        on_loop([&] { begin([finished] { finished->set_value(); }); });
        expect(done);
    }

    /// Lets everything that is under way, and waits for no time and nothing from outside, come to its end.
    void let_run() {
        // One step of it is one task of the loop or of a worker.
        for (int step = 0; step < 30; ++step) {
            // Workers that all meet here have ended what they were given before.
            const auto meeting = std::make_shared<std::latch>(worker_count);
            std::promise<void> met;
            const auto done = met.get_future();
            for (int worker = 1; worker < worker_count; ++worker) {
                boost::asio::post(workers, [meeting] { meeting->arrive_and_wait(); });
            }
            boost::asio::post(workers, [meeting, &met] {
                meeting->arrive_and_wait();
                met.set_value();
            });
            expect(done);
            on_loop([] {});
        }
    }

    /// After everything has been closed: ends workers and loop in the daemon's order, then calls `drop` for what was served.
    void stop(const std::function<void()>& drop) {
        host.go_on();
        on_loop([this] { pump->stop(); });
        workers.join();
        boost::asio::post(loop, [this] { loop.stop(); });
        thread.join();
        loop.restart();
        loop.poll();
        drop();
    }

    bus::PrivateBus bus;
    ChangingHost host;
    Config config;
    Log log{LogLevel::error};
    boost::asio::io_context loop{1};
    static constexpr int worker_count = 2;
    boost::asio::thread_pool workers{worker_count};
    EventHub events{loop.get_executor(), config.events};
    FakeTree run;  ///< /run/doed
    std::unique_ptr<LeaseRegistry> leases =
        LeaseRegistry::open(loop.get_executor(), run.root() / "leases").value();
    std::unique_ptr<sdbus::IConnection> connection;
    std::optional<bus::Pump> pump;
    std::optional<bus::PeerWatch> peers;
    std::optional<bus::CredentialsLookup> credentials;
    std::optional<bus::Clients> clients;
    std::optional<bus::Polkit> polkit;
    std::optional<bus::Gatekeeper> gate;
    std::optional<ManagerObject> manager;
    std::optional<bus::TestClient> client;
    /// What is done when a mailbox has changed, and when a device wants the host to be looked at.
    std::function<void()> changed = [] {};
    std::function<void()> look = [] {};
    DeviceContext context{.config = config,
                          .log = log,
                          .host = host,
                          .sysfs_root = std::nullopt,
                          .power_records = {},
                          .leases = *leases,
                          .events = &events,
                          .loop = loop.get_executor(),
                          .workers = workers.get_executor(),
                          .changed = [this] { changed(); },
                          .look = [this] { look(); }};
    std::thread thread;

private:
    template <typename Value>
    static void expect(const std::future<Value>& future) {
        if (future.wait_for(bus::patience) != std::future_status::ready) {
            throw std::runtime_error("waited in vain for the loop");
        }
    }
};

}  // namespace doed::daemon
