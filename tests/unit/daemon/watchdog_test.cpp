// SPDX-License-Identifier: Apache-2.0
//
// Looks are made by hand, on a clock of the test's; strands and workers are real ones, held up at gates.
#include "daemon/watchdog.hpp"

#include "io/strand_scheduler.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace doed::daemon {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// For what must happen, on a machine under load.
constexpr auto patience = 30s;

/// Holds up who comes, until it is opened.
class Gate {
public:
    void wait() {
        const auto opened = opened_;  // the gate may end as soon as it is open
        come_.set_value();
        opened.wait();
    }
    /// Until somebody is held up.
    void await() { came_.wait(); }
    void open() { open_.set_value(); }

private:
    std::promise<void> come_;
    std::promise<void> open_;
    std::future<void> came_ = come_.get_future();
    std::shared_future<void> opened_ = open_.get_future().share();
};

/// A device of which an access waits at a gate.
class GatedConfigSpace final : public pci::ConfigSpace {
public:
    base::Result<std::uint32_t> read32(std::uint16_t) override {
        if (gate != nullptr) {
            std::exchange(gate, nullptr)->wait();
        }
        return 0U;
    }
    base::Result<void> write32(std::uint16_t, std::uint32_t) override { return {}; }

    Gate* gate = nullptr;
};

class AWatchdog : public testing::Test {
protected:
    struct Mailbox {
        explicit Mailbox(io::WorkerPool& pool, std::string name) : scheduler(pool.get_executor()) {
            pool.enlist(std::move(name), scheduler.pulse());
            auto own = std::make_unique<GatedConfigSpace>();
            device = own.get();
            config = io::marked(scheduler.pulse(), std::move(own));
        }
        void block_in_access(Gate& gate) {
            scheduler.post([this, &gate] {
                device->gate = &gate;
                static_cast<void>(config->read32(0));
            });
            gate.await();
        }
        void block_in_ours(Gate& gate) {
            scheduler.post([&gate] { gate.wait(); });
            gate.await();
        }

        io::StrandScheduler scheduler;
        GatedConfigSpace* device = nullptr;
        std::unique_ptr<pci::ConfigSpace> config;
    };

    AWatchdog() { testing::internal::CaptureStderr(); }
    ~AWatchdog() override {
        if (!log_read_) {
            testing::internal::GetCapturedStderr();
        }
        dog->stopping();
        pool.join();
    }

    /// A look in which everything has been done that can be done.
    bool look() {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!dog->has_answers() && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
        return look_now();
    }
    /// The next look, after a pause in which what can be done is done, on a machine under load too.
    bool look_after_pause() {
        const auto end = std::chrono::steady_clock::now() + 200ms;
        while (!dog->has_answers() && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
        return look_now();
    }
    /// The next look, whatever has been done.
    bool look_now() {
        const int before = fed;
        now += 1s;
        dog->look(now);
        return fed > before;
    }
    /// Looks until it is fed, which it is in the end.
    bool look_until_fed() {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!look_after_pause()) {
            if (std::chrono::steady_clock::now() > end) {
                return false;
            }
            std::this_thread::yield();
        }
        return true;
    }
    /// What has been logged by the end.
    std::string log_text() {
        log_read_ = true;
        return testing::internal::GetCapturedStderr();
    }
    static std::size_t count(const std::string& text, const std::string& part) {
        std::size_t found = 0;
        for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
            ++found;
        }
        return found;
    }

    int fed = 0;
    base::TimePoint now{100s};
    std::optional<bus::Pong> pong = bus::Pong::answered;  ///< to every ping
    bus::Ping::Heard unanswered;
    Log log{LogLevel::debug, Log::Prefix::none};
    boost::asio::io_context loop;
    io::WorkerPool pool{{.threads = 2, .threads_max = 3, .patience = 1ms, .pause = 1ms}};
    std::optional<Watchdog> dog{std::in_place, loop, pool, log,
                                Watchdog::Setup{.interval = 4s,
                                                .feed = [this] { ++fed; },
                                                .ping =
                                                    [this](auto, bus::Ping::Heard heard) {
                                                        if (pong) {
                                                            heard(*pong);
                                                        } else {
                                                            unanswered = std::move(heard);
                                                        }
                                                    }}};

private:
    bool log_read_ = false;
};

TEST_F(AWatchdog, IsFedWhenEverythingMakesProgress) {
    Mailbox first(pool, "first");
    Mailbox second(pool, "second");
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(look());
    }
    EXPECT_EQ(log_text(), "");
}

TEST_F(AWatchdog, IsNotFedWhileThePumpBringsNoAnswer) {
    pong.reset();
    look();
    EXPECT_FALSE(look_now());
    EXPECT_FALSE(look_now());
    unanswered(bus::Pong::answered);
    EXPECT_TRUE(look());
    const auto text = log_text();
    EXPECT_EQ(count(text, "watchdog: the pump of the bus is stuck; doed will be restarted unless"),
              1U);
    EXPECT_EQ(count(text, "watchdog: the pump of the bus goes on"), 1U);
}

TEST_F(AWatchdog, IsNotFedWhileAnAnswerLiesUnread) {
    pong = bus::Pong::unread;
    look();
    EXPECT_FALSE(look());
    pong = bus::Pong::answered;
    look();
    EXPECT_TRUE(look());
}

TEST_F(AWatchdog, IsFedWhileTheBusIsSilent) {
    pong = bus::Pong::silent;
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(look());
    }
    pong = bus::Pong::answered;
    EXPECT_TRUE(look());
    EXPECT_TRUE(look());
    EXPECT_EQ(log_text(), "the bus does not answer\nthe bus answers again\n");
}

TEST_F(AWatchdog, IsNotFedWhileAStrandIsStuckAndNamesItOnce) {
    Gate gate;
    Mailbox sound(pool, "sound");
    Mailbox stuck(pool, "stuck");
    EXPECT_TRUE(look());
    EXPECT_TRUE(look());
    // Behind what the last look asked for.
    stuck.block_in_ours(gate);
    look();
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(look_after_pause());
    }
    gate.open();
    EXPECT_TRUE(look());
    const auto text = log_text();
    EXPECT_EQ(count(text, "watchdog: stuck is stuck; doed will be restarted unless it goes on"),
              1U);
    EXPECT_EQ(count(text, "watchdog: stuck goes on"), 1U);
    EXPECT_THAT(text, Not(HasSubstr("sound")));
}

TEST_F(AWatchdog, IsFedWhileAnAccessToADeviceBlocksAndWarnsOnce) {
    Gate gate;
    Mailbox sound(pool, "sound");
    Mailbox held(pool, "held");
    EXPECT_TRUE(look());
    EXPECT_TRUE(look());
    held.block_in_access(gate);
    look();
    for (int i = 0; i < 5 && !HasFailure(); ++i) {
        EXPECT_TRUE(look_until_fed());
    }
    gate.open();
    EXPECT_TRUE(look());
    const auto text = log_text();
    EXPECT_EQ(count(text, "held: an access to the device has not returned for "), 1U);
    EXPECT_EQ(count(text, "held: the access to the device has returned"), 1U);
    EXPECT_THAT(text, Not(HasSubstr("held is stuck")));
    EXPECT_THAT(text, Not(HasSubstr("sound")));
}

TEST_F(AWatchdog, TakesOneStuckStrandForWorseThanAllBlockedDevices) {
    Gate device;
    Gate ours;
    Mailbox held(pool, "held");
    Mailbox stuck(pool, "stuck");
    look();
    held.block_in_access(device);
    stuck.block_in_ours(ours);
    look_now();
    look_now();
    EXPECT_FALSE(look_now());
    device.open();
    ours.open();
    EXPECT_TRUE(look());
}

TEST_F(AWatchdog, IsFedWhileADeviceIsSlowButNotWhenItsStrandNeverComesRound) {
    Gate begin;
    std::promise<void> end;
    auto ended = end.get_future();
    Mailbox slow(pool, "slow");
    std::promise<int> todo[2];
    std::promise<void> done[2];
    slow.scheduler.post([&] {
        begin.wait();
        for (int i = 0; i < 2; ++i) {
            for (int left = todo[i].get_future().get(); left > 0; --left) {
                static_cast<void>(slow.config->read32(0));
            }
            done[i].set_value();
        }
        ended.wait();
    });
    begin.await();
    look();
    begin.open();
    todo[0].set_value(3);
    done[0].get_future().wait();
    EXPECT_TRUE(look_until_fed()) << "three accesses since the last look";
    todo[1].set_value(5000);
    done[1].get_future().wait();
    EXPECT_FALSE(look_now()) << "thousands in one turn";
    end.set_value();
    EXPECT_TRUE(look());
}

TEST_F(AWatchdog, IsFedWhileDevicesHoldUpAllWorkers) {
    Gate gates[3];
    Mailbox mailboxes[3] = {Mailbox(pool, "a"), Mailbox(pool, "b"), Mailbox(pool, "c")};
    Mailbox waits(pool, "waits");
    EXPECT_TRUE(look());
    EXPECT_TRUE(look());
    pool.begin_use();
    for (int i = 0; i < 3; ++i) {
        mailboxes[i].block_in_access(gates[i]);
    }
    for (int i = 0; i < 5 && !HasFailure(); ++i) {
        EXPECT_TRUE(look_until_fed());
    }
    for (auto& gate : gates) {
        gate.open();
    }
    EXPECT_TRUE(look());
    pool.end_use();
    const auto text = log_text();
    EXPECT_EQ(count(text, "devices hold up all 3 workers"), 1U);
    EXPECT_EQ(count(text, "devices hold up all workers no more"), 1U);
    EXPECT_THAT(text, Not(HasSubstr("waits")));
}

TEST_F(AWatchdog, ForgetsAStrandThatIsGone) {
    auto leaves = std::make_unique<Mailbox>(pool, "leaves");
    EXPECT_TRUE(look());
    leaves.reset();
    EXPECT_TRUE(look());
    EXPECT_TRUE(look());
    EXPECT_EQ(log_text(), "");
}

TEST_F(AWatchdog, IsFedByTheTimerAloneWhileTheServiceEnds) {
    Gate gate;
    Mailbox stuck(pool, "stuck");
    stuck.block_in_ours(gate);
    look_now();
    EXPECT_FALSE(look_now());
    dog->stopping();
    EXPECT_TRUE(look_now());
    gate.open();
}

TEST_F(AWatchdog, LooksByItselfAndSaysFromAWorkerThatTheLoopIsStuck) {
    dog.emplace(
        loop, pool, log,
        Watchdog::Setup{
            .interval = 80ms,
            .feed = [this] { ++fed; },
            .ping = [](auto, const bus::Ping::Heard& heard) { heard(bus::Pong::answered); }});
    dog->start();
    const auto end = std::chrono::steady_clock::now() + patience;
    while (fed < 5 && std::chrono::steady_clock::now() < end) {
        loop.run_one_until(end);
    }
    EXPECT_GE(fed, 5);
    // Nobody runs the loop any more. A task on a timer of the workers comes after theirs.
    std::promise<void> later;
    io::StrandScheduler scheduler(pool.get_executor());
    scheduler.at(std::chrono::steady_clock::now() + 60ms, [&later] { later.set_value(); });
    ASSERT_EQ(later.get_future().wait_for(patience), std::future_status::ready);
    while (fed < 8 && std::chrono::steady_clock::now() < end) {
        loop.run_one_until(end);
    }
    EXPECT_GE(fed, 8);
    dog->stopping();
    pool.join();
    const auto text = log_text();
    EXPECT_THAT(text, HasSubstr("watchdog: the bus loop is stuck, for 0.0 s now; doed will be"));
    EXPECT_THAT(text, HasSubstr("the bus loop was held up for 0."));
}

TEST(AWatchdogsInterval, ComesFromTheServiceManager) {
    ::unsetenv("WATCHDOG_PID");
    ::unsetenv("WATCHDOG_USEC");
    EXPECT_EQ(Watchdog::wanted_interval(), std::nullopt);
    ::setenv("WATCHDOG_USEC", "30000000", 1);
    EXPECT_EQ(Watchdog::wanted_interval(), 30s);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    EXPECT_EQ(Watchdog::wanted_interval(), 30s);
    ::setenv("WATCHDOG_PID", "1", 1);
    EXPECT_EQ(Watchdog::wanted_interval(), std::nullopt) << "meant for another process";
    ::unsetenv("WATCHDOG_PID");
    ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace doed::daemon
