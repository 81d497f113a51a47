// SPDX-License-Identifier: Apache-2.0
//
// A connection to a real bus with what watches its clients, on a loop that the test runs.
#pragma once

#include "daemon/bus/connect.hpp"
#include "daemon/bus/peer_watch.hpp"
#include "daemon/bus/pump.hpp"
#include "private_bus.hpp"
#include "test_client.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace doed::bus {

class OnABus : public testing::Test {
protected:
    OnABus() {
        auto opened = connect(bus.address());
        if (!opened) {
            throw std::runtime_error(opened.error().message());
        }
        connection = std::move(*opened);
        pump.emplace(loop, *connection, [](const std::string&) {});
        peers.emplace(*connection);
        pump->start();
    }
    void run_until(const std::function<bool()>& condition) {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!condition() && std::chrono::steady_clock::now() < end) {
            loop.run_one_until(end);
        }
        ASSERT_TRUE(condition());
    }

    PrivateBus bus;
    boost::asio::io_context loop{1};
    std::unique_ptr<sdbus::IConnection> connection;
    std::optional<Pump> pump;
    std::optional<PeerWatch> peers;
};

}  // namespace doed::bus
