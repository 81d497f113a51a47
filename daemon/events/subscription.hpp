// SPDX-License-Identifier: Apache-2.0
//
// One subscriber: our end of its socket and the events that wait for it. An event leaves the queue when it has been sent; where
// the socket takes no more it waits, and when too many wait the oldest is dropped, which the next packet tells. The socket's own
// buffer is small and counts no events. Bus loop only.
#pragma once

#include "base/event.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace doed::daemon {

/// An encoded event, which all its subscribers share.
using SharedEvent = std::shared_ptr<const std::vector<std::uint8_t>>;

class Subscription : public std::enable_shared_from_this<Subscription> {
public:
    /// Called once, on the loop and never inside push(), when the subscriber has closed its end.
    using Ended = std::move_only_function<void()>;
    using Opened = std::pair<std::shared_ptr<Subscription>, base::UniqueFd>;

    /// With the subscriber's end. `queue_limit`: events that wait, at least 1. Error: io.
    [[nodiscard]] static base::Result<Opened> open(const boost::asio::any_io_executor& loop,
                                                   std::uint32_t queue_limit, Ended ended);
    Subscription(const boost::asio::any_io_executor& loop, base::UniqueFd socket,
                 std::uint32_t queue_limit, Ended ended);
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    /// The subscriber sees the end of the stream after what has been sent.
    ~Subscription() = default;

    /// Sends the event, or has it wait.
    void push(SharedEvent event);

    /// Whether the subscriber has closed its end, which ended() may not have told yet.
    [[nodiscard]] bool is_over();

private:
    void begin();
    void send_all();
    [[nodiscard]] int send(const SharedEvent& event, const base::EventDelivery& delivery) noexcept;
    void await_room();
    void await_memory();
    void end();

    boost::asio::posix::stream_descriptor socket_;
    boost::asio::steady_timer retry_;
    std::uint32_t queue_limit_;
    Ended ended_;  ///< null once called
    std::deque<SharedEvent> queue_;
    std::uint64_t sequence_ = 0;  ///< of the oldest that waits
    std::uint64_t lost_ = 0;      ///< since the last one that was sent
    bool waiting_ = false;        ///< for the socket to take more
};

}  // namespace doed::daemon
