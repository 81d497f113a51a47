// SPDX-License-Identifier: Apache-2.0
//
// Drives a D-Bus connection from the Asio loop by the contract of sd_bus_get_fd(3): before every
// wait the connection is asked what to wait for, after it everything pending is processed. Runs on
// the bus loop's thread alone.
#pragma once

#include "daemon/bus/compat.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace doed::bus {

class Pump {
public:
    /// `lost` is called once, with the reason, when the connection has ended; the pump has stopped
    /// by then.
    Pump(boost::asio::io_context& loop, sdbus::IConnection& connection,
         std::function<void(const std::string&)> lost);
    Pump(const Pump&) = delete;
    Pump& operator=(const Pump&) = delete;
    /// The loop is not run any more afterwards.
    ~Pump();

    void start();
    /// No message is processed after it. The connection keeps its descriptors.
    void stop();
    /// To be called after anything was sent, or a blocking call made, outside of a D-Bus handler:
    /// what the connection waits for may have changed.
    void kick();
    /// How many messages, and timeouts of calls, have been handled so far.
    [[nodiscard]] std::uint64_t handled() const noexcept { return handled_; }

private:
    void run();
    [[nodiscard]] bool process();
    void arm();
    void wait(boost::asio::posix::stream_descriptor& descriptor,
              boost::asio::posix::stream_descriptor::wait_type what, bool& armed);

    boost::asio::io_context& loop_;
    sdbus::IConnection& connection_;
    std::function<void(const std::string&)> lost_;
    boost::asio::posix::stream_descriptor socket_;
    boost::asio::posix::stream_descriptor wake_;
    boost::asio::steady_timer timer_;
    std::uint64_t handled_ = 0;
    bool running_ = false;
    bool run_posted_ = false;
    bool reading_ = false;
    bool writing_ = false;
    bool waking_ = false;
};

}  // namespace doed::bus
