// SPDX-License-Identifier: Apache-2.0
//
// Hears from libudev when PCI functions or CXL ports come, go, or change drivers. What happened is not told, only that
// something did, once things have been quiet for a while: the host is looked at anew then. The kernel itself uses a
// mailbox between announcing a function and letting it rest, which the quiet time leaves room for.
#pragma once

#include "base/result.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>

struct udev;
struct udev_monitor;

namespace doed::daemon {

class HotplugMonitor {
public:
    /// `changed` runs on the loop. Errors: io.
    [[nodiscard]] static base::Result<std::unique_ptr<HotplugMonitor>> start(
        boost::asio::io_context& loop, std::function<void()> changed);
    HotplugMonitor(const HotplugMonitor&) = delete;
    HotplugMonitor& operator=(const HotplugMonitor&) = delete;
    ~HotplugMonitor();

    /// Asks for another look, as an event would.
    void look();

private:
    struct Release {
        void operator()(udev* context) const noexcept;
        void operator()(udev_monitor* monitor) const noexcept;
    };

    HotplugMonitor(boost::asio::io_context& loop, std::function<void()> changed);

    [[nodiscard]] base::Result<void> listen();
    void wait();
    void receive();

    std::unique_ptr<udev, Release> context_;
    std::unique_ptr<udev_monitor, Release> monitor_;
    boost::asio::posix::stream_descriptor socket_;
    boost::asio::steady_timer quiet_;
    std::chrono::steady_clock::time_point first_event_{};
    bool pending_ = false;
    std::function<void()> changed_;
};

}  // namespace doed::daemon
