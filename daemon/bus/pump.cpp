// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/pump.hpp"

#include <boost/asio/post.hpp>

#include <exception>
#include <utility>

#include <poll.h>

namespace doed::bus {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

namespace {

// Messages handled before timers and device results get their turn.
constexpr int messages_per_turn = 32;

}  // namespace

Pump::Pump(asio::io_context& loop, sdbus::IConnection& connection,
           std::function<void(const std::string&)> lost)
    : loop_(loop),
      connection_(connection),
      lost_(std::move(lost)),
      socket_(loop),
      wake_(loop),
      timer_(loop) {}

Pump::~Pump() {
    stop();
}

void Pump::start() {
    const auto request = poll_request(connection_);
    socket_.assign(request.fd);
    if (request.wake_fd >= 0) {
        wake_.assign(request.wake_fd);
    }
    running_ = true;
    kick();
}

void Pump::stop() {
    if (!running_) {
        return;
    }
    running_ = false;
    timer_.cancel();
    // The descriptors are the connection's to close.
    socket_.release();
    if (wake_.is_open()) {
        wake_.release();
    }
}

void Pump::kick() {
    if (!running_ || run_posted_) {
        return;
    }
    run_posted_ = true;
    asio::post(loop_, [this] { run(); });
}

void Pump::run() {
    run_posted_ = false;
    if (!running_) {
        return;
    }
    try {
        for (int handled = 0; process(); ++handled) {
            ++handled_;
            if (handled == messages_per_turn) {
                kick();
                return;
            }
        }
        arm();
    } catch (const std::exception& error) {
        stop();
        lost_(error.what());
    }
}

/// Whether there was a message. The library fails as a whole when it cannot answer one itself, such as a call of
/// Peer.GetMachineId on a host without a machine id: that is the end of the message, not of the connection.
bool Pump::process() {
    try {
        return process_one(connection_);
    } catch (const sdbus::Error&) {
        pollfd socket{.fd = poll_request(connection_).fd, .events = POLLRDHUP, .revents = 0};
        if (::poll(&socket, 1, 0) != 0) {
            throw;
        }
        return true;
    }
}

void Pump::arm() {
    const auto request = poll_request(connection_);
    if ((request.events & POLLIN) != 0) {
        wait(socket_, Descriptor::wait_read, reading_);
    }
    if ((request.events & POLLOUT) != 0) {
        wait(socket_, Descriptor::wait_write, writing_);
    }
    if (wake_.is_open()) {
        wait(wake_, Descriptor::wait_read, waking_);
    }
    if (request.at_once) {
        kick();
    } else if (request.deadline) {
        timer_.expires_at(*request.deadline);
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (!error) {
                kick();
            }
        });
    } else {
        timer_.cancel();
    }
}

void Pump::wait(Descriptor& descriptor, Descriptor::wait_type what, bool& armed) {
    if (armed) {
        return;
    }
    armed = true;
    descriptor.async_wait(what, [this, &armed](const boost::system::error_code& error) {
        armed = false;
        if (!error) {
            run();
        }
    });
}

}  // namespace doed::bus
