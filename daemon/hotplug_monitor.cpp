// SPDX-License-Identifier: Apache-2.0
#include "daemon/hotplug_monitor.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <libudev.h>
#include <unistd.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {

// After the last event. The kernel's own abort and discovery of a new function are over when it is announced by udev; a
// CXL driver's table reading follows within this time.
constexpr std::chrono::milliseconds quiet_time{250};
// A storm of events does not put the look off for ever.
constexpr std::chrono::milliseconds patience{1000};
// The default would hold a few hundred events.
constexpr int receive_buffer_bytes = 1 << 20;

bool concerns_us(std::string_view action) {
    return action == "add" || action == "remove" || action == "bind" || action == "unbind" ||
           action == "change" || action == "online" || action == "offline";
}

}  // namespace

void HotplugMonitor::Release::operator()(udev* context) const noexcept {
    udev_unref(context);
}

void HotplugMonitor::Release::operator()(udev_monitor* monitor) const noexcept {
    udev_monitor_unref(monitor);
}

HotplugMonitor::HotplugMonitor(asio::io_context& loop, std::function<void()> changed)
    : socket_(loop), quiet_(loop), changed_(std::move(changed)) {}

HotplugMonitor::~HotplugMonitor() {
    if (socket_.is_open()) {
        // The monitor owns its socket.
        static_cast<void>(socket_.release());
    }
}

base::Result<std::unique_ptr<HotplugMonitor>> HotplugMonitor::start(asio::io_context& loop,
                                                                    std::function<void()> changed) {
    std::unique_ptr<HotplugMonitor> monitor(new HotplugMonitor(loop, std::move(changed)));
    if (const auto listening = monitor->listen(); !listening) {
        return std::unexpected(listening.error());
    }
    monitor->wait();
    return monitor;
}

base::Result<void> HotplugMonitor::listen() {
    context_.reset(udev_new());
    if (!context_) {
        return base::fail(base::Errc::io, "udev cannot be used");
    }
    // Events come from udevd, after its rules have run. A host without udevd has the kernel's own.
    const bool udevd = ::access("/run/udev/control", F_OK) == 0;
    monitor_.reset(udev_monitor_new_from_netlink(context_.get(), udevd ? "udev" : "kernel"));
    if (!monitor_) {
        return base::fail(base::Errc::io, "the kernel's device events cannot be listened to");
    }
    udev_monitor_filter_add_match_subsystem_devtype(monitor_.get(), "pci", nullptr);
    udev_monitor_filter_add_match_subsystem_devtype(monitor_.get(), "cxl", nullptr);
    udev_monitor_set_receive_buffer_size(monitor_.get(), receive_buffer_bytes);
    if (udev_monitor_enable_receiving(monitor_.get()) < 0) {
        return base::fail(base::Errc::io, "the kernel's device events cannot be received");
    }
    socket_.assign(udev_monitor_get_fd(monitor_.get()));
    return {};
}

void HotplugMonitor::wait() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                           if (!error) {
                               receive();
                               wait();
                           }
                       });
}

void HotplugMonitor::receive() {
    // One event a wake-up: the descriptor stays readable while there are more.
    udev_device* const device = udev_monitor_receive_device(monitor_.get());
    if (device == nullptr) {
        // Lost events (the buffer was full) are events too.
        look();
        return;
    }
    const char* const action = udev_device_get_action(device);
    const bool ours = action != nullptr && concerns_us(action);
    udev_device_unref(device);
    if (ours) {
        look();
    }
}

void HotplugMonitor::look() {
    const auto now = std::chrono::steady_clock::now();
    if (!std::exchange(pending_, true)) {
        first_event_ = now;
    }
    quiet_.expires_at(std::min(now + quiet_time, first_event_ + patience));
    quiet_.async_wait([this](const boost::system::error_code& error) {
        if (!error && std::exchange(pending_, false)) {
            changed_();
        }
    });
}

}  // namespace doed::daemon
