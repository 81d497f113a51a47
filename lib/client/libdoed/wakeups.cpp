// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed/wakeups.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace doed::client {

namespace {

constexpr std::uint64_t usec_per_sec = 1'000'000;
constexpr std::uint64_t usec_per_msec = 1'000;

int add(int set, int fd, std::uint32_t events) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

}  // namespace

std::uint64_t now_usec() noexcept {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

std::uint64_t after_usec(std::uint64_t now, std::uint64_t span) noexcept {
    return span >= never_usec - now ? never_usec : now + span;
}

int Wakeups::open() noexcept {
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) {
        return -errno;
    }
    timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer_) {
        return -errno;
    }
    flag_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!flag_) {
        return -errno;
    }
    if (const int error = add(epoll_.get(), timer_.get(), EPOLLIN); error < 0) {
        return error;
    }
    return add(epoll_.get(), flag_.get(), EPOLLIN);
}

void Wakeups::watch_bus(int fd, int events, bool changing) noexcept {
    if (fd == bus_fd_ && events == bus_events_ && !changing) {
        return;
    }
    bus_fd_ = fd;
    bus_events_ = events;
    if (fd < 0) {
        return;
    }
    epoll_event event{};
    event.events = static_cast<std::uint32_t>(events);
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT) {
        (void)add(epoll_.get(), fd, event.events);
    }
}

int Wakeups::add_stream(int fd) noexcept {
    return add(epoll_.get(), fd, EPOLLIN);
}

void Wakeups::forget(int fd) noexcept {
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Wakeups::wake_at(std::uint64_t usec) noexcept {
    if (usec == wake_at_) {
        return;
    }
    wake_at_ = usec;
    itimerspec when{};
    if (usec != never_usec) {
        // Zero would disarm it.
        const std::uint64_t time = std::max<std::uint64_t>(usec, 1);
        when.it_value.tv_sec = static_cast<time_t>(time / usec_per_sec);
        when.it_value.tv_nsec = static_cast<long>(time % usec_per_sec * 1'000);
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void Wakeups::wake_now(bool pending) noexcept {
    if (pending == pending_) {
        return;
    }
    pending_ = pending;
    std::uint64_t count = 1;
    if (pending) {
        (void)!::write(flag_.get(), &count, sizeof count);
    } else {
        (void)!::read(flag_.get(), &count, sizeof count);
    }
}

int Wakeups::wait(std::uint64_t timeout_usec) const noexcept {
    pollfd wanted{epoll_.get(), POLLIN, 0};
    const std::uint64_t end = after_usec(now_usec(), timeout_usec);
    for (;;) {
        int timeout_ms = -1;
        if (end != never_usec) {
            const std::uint64_t now = now_usec();
            const std::uint64_t left = end > now ? end - now : 0;
            timeout_ms = static_cast<int>(std::min<std::uint64_t>(
                left / usec_per_msec + (left % usec_per_msec != 0 ? 1 : 0),
                static_cast<std::uint64_t>(std::numeric_limits<int>::max())));
        }
        const int ready = ::poll(&wanted, 1, timeout_ms);
        if (ready != 0 || (end != never_usec && now_usec() >= end)) {
            return ready < 0 ? -errno : ready;
        }
    }
}

void Wakeups::abandon() noexcept {
    epoll_.reset();
    timer_.reset();
    flag_.reset();
}

}  // namespace doed::client
