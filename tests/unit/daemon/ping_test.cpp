// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/ping.hpp"

#include "on_a_bus.hpp"

#include <chrono>
#include <csignal>
#include <optional>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace doed::bus {
namespace {

using namespace std::chrono_literals;

class APing : public OnABus {
protected:
    void send(std::chrono::microseconds waits) {
        pong.reset();
        ping.send(waits, [this](Pong heard) { pong = heard; });
        run_until([this] { return pong.has_value(); });
    }

    Ping ping{*connection, *pump};
    std::optional<Pong> pong;
};

TEST_F(APing, IsAnswered) {
    send(patience);
    EXPECT_EQ(pong, Pong::answered);
}

TEST_F(APing, IsNotAnsweredByABusThatHangs) {
    bus.halt();
    send(10ms);
    EXPECT_EQ(pong, Pong::silent);
    bus.go_on();
    send(patience);
    EXPECT_EQ(pong, Pong::answered);
}

TEST_F(APing, IsBehindWhileTheBusHasMuchToSay) {
    auto proxy = make_proxy(*connection, "org.freedesktop.DBus", "/org/freedesktop/DBus");
    bus.halt();
    ping.send(20ms, [this](Pong heard) { pong = heard; });
    // What comes of these is in front of nothing that the ping waits for, and never at its end.
    std::function<void()> ask = [&] {
        proxy->callMethodAsync("GetId")
            .onInterface("org.freedesktop.DBus")
            .uponReplyInvoke(reply_handler<std::string>([&](const sdbus::Error*, const auto&) {
                if (!pong) {
                    ask();
                }
            }));
    };
    for (int i = 0; i < 64; ++i) {
        ask();
    }
    pump->kick();
    bus.go_on();
    run_until([this] { return pong.has_value(); });
    EXPECT_NE(pong, Pong::unread);
}

TEST_F(APing, IsNotHeardWithoutThePump) {
    ping.send(1ms, [this](Pong heard) { pong = heard; });
    pump->stop();
    loop.run_for(50ms);
    EXPECT_EQ(pong, std::nullopt);
}

}  // namespace
}  // namespace doed::bus
