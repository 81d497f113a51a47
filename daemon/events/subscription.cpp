// SPDX-License-Identifier: Apache-2.0
#include "daemon/events/subscription.hpp"

#include "base/assert.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <string>

#include <poll.h>
#include <sys/socket.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {

// The kernel doubles it and charges each packet with its own overhead: some forty packets.
constexpr int send_buffer_size_bytes = 16 * 1024;
constexpr std::chrono::milliseconds memory_pause{100};

std::unexpected<base::Error> failed(const char* what) {
    return base::fail(base::Errc::io, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

base::Result<Subscription::Opened> Subscription::open(const asio::any_io_executor& loop,
                                                      std::uint32_t queue_limit, Ended ended) {
    // Neither end is made non-blocking: ours is used as if it were, theirs is for its reader to set.
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return failed("cannot make a socket for events");
    }
    base::UniqueFd ours(ends[0]);
    base::UniqueFd theirs(ends[1]);
    // A subscriber has nothing to say.
    if (::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &send_buffer_size_bytes,
                     sizeof(send_buffer_size_bytes)) != 0 ||
        ::shutdown(ours.get(), SHUT_RD) != 0) {
        return failed("cannot set up a socket for events");
    }
    auto subscription =
        std::make_shared<Subscription>(loop, std::move(ours), queue_limit, std::move(ended));
    subscription->begin();
    return Opened(std::move(subscription), std::move(theirs));
}

Subscription::Subscription(const asio::any_io_executor& loop, base::UniqueFd socket,
                           std::uint32_t queue_limit, Ended ended)
    : socket_(loop, socket.release()),
      retry_(loop),
      queue_limit_(queue_limit),
      ended_(std::move(ended)) {
    DOED_ASSERT(queue_limit_ > 0);
}

/// A socket of which nothing is read tells of its other end's closing by a hang-up.
void Subscription::begin() {
    socket_.async_wait(asio::posix::descriptor_base::wait_error,
                       [weak = weak_from_this()](const boost::system::error_code& error) {
                           if (const auto self = weak.lock(); self && !error) {
                               self->end();
                           }
                       });
}

void Subscription::push(SharedEvent event) {
    if (!socket_.is_open()) {
        return;
    }
    if (queue_.size() == queue_limit_) {
        queue_.pop_front();
        ++sequence_;
        ++lost_;
    }
    queue_.push_back(std::move(event));
    if (!waiting_) {
        send_all();
    }
}

bool Subscription::is_over() {
    if (!socket_.is_open()) {
        return true;
    }
    pollfd hang_up{.fd = socket_.native_handle(), .events = 0, .revents = 0};
    return ::poll(&hang_up, 1, 0) > 0;
}

void Subscription::send_all() {
    while (!queue_.empty()) {
        const base::EventDelivery delivery{
            .sequence = sequence_,
            .lost = lost_,
            .pending = static_cast<std::uint32_t>(queue_.size() - 1)};
        const int error = send(queue_.front(), delivery);
        if (error == EAGAIN) {
            await_room();
            return;
        }
        if (error == ENOBUFS || error == ENOMEM) {
            await_memory();
            return;
        }
        if (error != 0) {
            end();
            return;
        }
        queue_.pop_front();
        ++sequence_;
        lost_ = 0;
    }
}

/// 0, or errno.
int Subscription::send(const SharedEvent& event, const base::EventDelivery& delivery) noexcept {
    std::array<std::uint8_t, base::event_size_max_bytes> buffer{};
    const auto packet = std::span(buffer).first(event->size());
    std::ranges::copy(*event, packet.begin());
    base::stamp(packet, delivery);
    for (;;) {
        if (::send(socket_.native_handle(), packet.data(), packet.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            return 0;
        }
        if (errno != EINTR) {
            return errno;
        }
    }
}

void Subscription::await_room() {
    waiting_ = true;
    socket_.async_wait(asio::posix::descriptor_base::wait_write,
                       [weak = weak_from_this()](const boost::system::error_code& error) {
                           if (const auto self = weak.lock(); self && !error) {
                               self->waiting_ = false;
                               self->send_all();
                           }
                       });
}

/// There is room in the socket, but not in the kernel.
void Subscription::await_memory() {
    waiting_ = true;
    retry_.expires_after(memory_pause);
    retry_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        if (const auto self = weak.lock(); self && !error) {
            self->waiting_ = false;
            self->send_all();
        }
    });
}

void Subscription::end() {
    if (!ended_) {
        return;
    }
    const auto executor = socket_.get_executor();
    boost::system::error_code ignored;
    static_cast<void>(socket_.close(ignored));
    retry_.cancel();
    queue_.clear();
    asio::post(executor, std::exchange(ended_, nullptr));
}

}  // namespace doed::daemon
