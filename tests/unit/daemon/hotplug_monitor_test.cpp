// SPDX-License-Identifier: Apache-2.0
//
// When a monitor has the host looked at. What the kernel tells of devices is part of the tests in a guest; here the asking
// comes from the test. Times are upper bounds generous enough for a slow machine, or follow from the order of timers.
#include "daemon/hotplug_monitor.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using namespace std::chrono_literals;

class AHotplugMonitor : public testing::Test {
protected:
    AHotplugMonitor() {
        auto started = HotplugMonitor::start(loop, [this] { ++looks; });
        if (!started) {
            throw std::runtime_error(started.error().message());
        }
        monitor = std::move(*started);
    }

    /// Until as many looks have been made; the loop never runs dry while the monitor listens.
    void run_until_looks(int count) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (looks < count && std::chrono::steady_clock::now() < end) {
            loop.run_one_until(end);
        }
        ASSERT_EQ(looks, count);
    }
    /// Asks again and again, for as long as the test runs.
    void ask_every(std::chrono::milliseconds pause) {
        monitor->look();
        storm.expires_after(pause);
        storm.async_wait([this, pause](const boost::system::error_code& error) {
            if (!error) {
                ask_every(pause);
            }
        });
    }

    boost::asio::io_context loop{1};
    boost::asio::steady_timer storm{loop};
    int looks = 0;
    std::unique_ptr<HotplugMonitor> monitor;
};

TEST_F(AHotplugMonitor, DoesNotLookUnasked) {
    loop.poll();
    EXPECT_EQ(looks, 0);
}

TEST_F(AHotplugMonitor, LooksOnceForManyEventsWhenThingsAreQuiet) {
    const auto begin = std::chrono::steady_clock::now();
    for (int event = 0; event < 100; ++event) {
        monitor->look();
    }
    loop.poll();
    EXPECT_EQ(looks, 0) << "the kernel still has its hands on the device";
    run_until_looks(1);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 250ms);
    monitor->look();
    run_until_looks(2);
}

TEST_F(AHotplugMonitor, LooksInTheMiddleOfAStormToo) {
    ask_every(20ms);
    run_until_looks(1);
    run_until_looks(2);
}

TEST_F(AHotplugMonitor, ThatIsNoMoreDoesNotLook) {
    monitor->look();
    monitor.reset();
    loop.run();
    EXPECT_EQ(looks, 0);
}

}  // namespace
}  // namespace doed::daemon
