// SPDX-License-Identifier: Apache-2.0
//
// The one descriptor that a program watches: an epoll set of the connection, the streams of events, a timer and a flag.
// What does not change costs no system call.
#pragma once

#include "base/unique_fd.hpp"

#include <cstdint>

namespace doed::client {

/// No deadline.
inline constexpr std::uint64_t never_usec = UINT64_MAX;

/// CLOCK_MONOTONIC, microseconds.
[[nodiscard]] std::uint64_t now_usec() noexcept;
/// now + span, never_usec when that is beyond the end of time.
[[nodiscard]] std::uint64_t after_usec(std::uint64_t now, std::uint64_t span) noexcept;

class Wakeups {
public:
    /// Negative errno value.
    [[nodiscard]] int open() noexcept;

    [[nodiscard]] int fd() const noexcept { return epoll_.get(); }

    /// Watches the connection for `events` (poll(2)); fd -1: there is none. `changing`: its descriptor may have become another
    /// one of the same number.
    void watch_bus(int fd, int events, bool changing) noexcept;
    /// A stream of events. Negative errno value.
    [[nodiscard]] int add_stream(int fd) noexcept;
    /// Before a descriptor of the connection or a stream is closed: it leaves the set by itself only when no copy is open.
    void forget(int fd) noexcept;
    /// Readable from then on; never_usec: not by time.
    void wake_at(std::uint64_t usec) noexcept;
    /// Readable until told otherwise.
    void wake_now(bool pending) noexcept;

    /// Waits until the descriptor is readable. 1, 0 when time ran out, or -EINTR.
    [[nodiscard]] int wait(std::uint64_t timeout_usec) const noexcept;

    /// Closes what a child has of its parent's: the set itself is the parent's.
    void abandon() noexcept;

private:
    base::UniqueFd epoll_;
    base::UniqueFd timer_;
    base::UniqueFd flag_;
    int bus_fd_ = -1;
    int bus_events_ = 0;
    std::uint64_t wake_at_ = never_usec;
    bool pending_ = false;
};

}  // namespace doed::client
