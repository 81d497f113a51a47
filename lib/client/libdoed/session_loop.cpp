// SPDX-License-Identifier: Apache-2.0
//
// What waits and what calls back.
#include "client/libdoed/errors.hpp"
#include "client/libdoed/session.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>

#include <poll.h>
#include <unistd.h>

namespace doed::client {

namespace {

/// Of sd-bus at a stretch, before callbacks get their turn.
constexpr int messages_at_once = 32;
constexpr std::uint64_t tick_usec = 250'000;

class Flag {
public:
    explicit Flag(bool& flag) noexcept : flag_(flag), before_(std::exchange(flag, true)) {}
    Flag(const Flag&) = delete;
    Flag& operator=(const Flag&) = delete;
    ~Flag() { flag_ = before_; }

private:
    bool& flag_;
    bool before_;
};

}  // namespace

bool Session::pump() {
    bool worked = false;
    for (int i = 0; i < messages_at_once && bus_; ++i) {
        const int result = sd_bus_process(bus_.get(), nullptr);
        if (result < 0 || sd_bus_is_open(bus_.get()) <= 0) {
            lose_bus(result < 0 ? result : -ECONNRESET);
            return true;
        }
        if (!ready_ && sd_bus_is_ready(bus_.get()) > 0) {
            become_ready();
            worked = true;
        }
        if (result == 0) {
            break;
        }
        worked = true;
    }
    expire(now_usec());
    send_waiting();
    return worked;
}

std::uint64_t Session::bus_timeout() const noexcept {
    std::uint64_t usec = never_usec;
    return bus_ && sd_bus_get_timeout(bus_.get(), &usec) >= 0 ? usec : never_usec;
}

std::uint64_t Session::next_usec() noexcept {
    if (!due_.empty()) {
        return 0;
    }
    std::uint64_t next = bus_timeout();
    if (!deadlines_.empty()) {
        next = std::min(next, deadlines_.begin()->first);
    }
    for (const auto& subscription : subscriptions_) {
        next = std::min(next, subscription->next_usec());
    }
    return next;
}

void Session::settle() noexcept {
    if (bus_) {
        bus_fd_ = sd_bus_get_fd(bus_.get());
        const int events = sd_bus_get_events(bus_.get());
        wakeups_.watch_bus(bus_fd_, events < 0 ? 0 : events, !ready_);
    } else {
        wakeups_.watch_bus(-1, 0, false);
    }
    const std::uint64_t next = next_usec();
    wakeups_.wake_now(next == 0);
    wakeups_.wake_at(next == 0 ? never_usec : next);
}

int Session::process() {
    if (inside_) {
        return -EBUSY;
    }
    const bool worked = pump();
    const bool delivered = deliver();
    settle();
    if (worked || delivered) {
        return 1;
    }
    return broken_ ? -ENOTCONN : 0;
}

int Session::wait(std::uint64_t timeout_usec) {
    if (inside_) {
        return -EBUSY;
    }
    settle();
    if (broken_ && next_usec() == never_usec) {
        return -ENOTCONN;
    }
    return wakeups_.wait(timeout_usec);
}

/// One callback; replies and events take turns.
bool Session::deliver() {
    events_first_ = !events_first_;
    return events_first_ ? deliver_event() || deliver_reply() : deliver_reply() || deliver_event();
}

bool Session::deliver_reply() {
    if (due_.empty()) {
        return false;
    }
    const Ref<doed_call> call = due_.front();
    due_.pop_front();
    call_back(*call);
    return true;
}

void Session::call_back(doed_call& call) noexcept {
    const Flag inside(inside_);
    call.state = doed_call::State::delivered;
    call.session = nullptr;
    call.callback(&call.reply, call.userdata);
    // Nothing that was given out is kept by a handle for cancelling.
    call.reply = doed_reply();
}

bool Session::deliver_event() {
    // The callback may end subscriptions, its own too, and begin others.
    const std::size_t count = subscriptions_.size();
    for (std::size_t i = 0; i < count && !subscriptions_.empty(); ++i) {
        subscriptions_.splice(subscriptions_.end(), subscriptions_, subscriptions_.begin());
        const Ref<doed_subscription> subscription = subscriptions_.back();
        const Flag inside(inside_);
        if (subscription->deliver()) {
            return true;
        }
    }
    return false;
}

bool Session::tick_says_stop(std::uint64_t begun_usec) {
    const Flag ticking(ticking_);
    const Flag inside(inside_);
    return tick(now_usec() - begun_usec, tick_data) != 0;
}

int Session::run_until(const std::function<bool()>& done, std::uint64_t deadline_usec) {
    const std::uint64_t begun = now_usec();
    std::uint64_t next_tick = tick != nullptr ? begun + tick_usec : never_usec;
    for (;;) {
        const bool worked = pump();
        if (done()) {
            return 0;
        }
        const std::uint64_t now = now_usec();
        if (now >= deadline_usec) {
            return -ETIMEDOUT;
        }
        if (now >= next_tick) {
            if (tick_says_stop(begun)) {
                return -ECANCELED;
            }
            next_tick = now_usec() + tick_usec;
        }
        if (worked || !bus_) {
            continue;
        }
        std::uint64_t end = std::min({deadline_usec, next_tick, bus_timeout()});
        if (!deadlines_.empty()) {
            end = std::min(end, deadlines_.begin()->first);
        }
        const std::uint64_t left = end > now ? end - now : 0;
        const int timeout_ms = end == never_usec
                                   ? -1
                                   : static_cast<int>(std::min<std::uint64_t>(
                                         left / 1'000 + 1, std::numeric_limits<int>::max()));
        const int events = sd_bus_get_events(bus_.get());
        pollfd wanted{sd_bus_get_fd(bus_.get()), static_cast<short>(events < 0 ? 0 : events), 0};
        if (end != 0 && ::poll(&wanted, 1, timeout_ms) < 0 && errno == EINTR && tick != nullptr) {
            // Whoever handles a signal may want to stop.
            next_tick = 0;
        }
    }
}

int Session::connect() {
    const int error = begin();
    if (error < 0) {
        return error;
    }
    const int result = run_until([this] { return ready_ || !bus_; },
                                 after_usec(now_usec(), settings.deadline_usec));
    if (result < 0 && waiting_.empty() && subscriptions_.empty()) {
        // Nobody else waits for it, and the context may be given another place.
        close_bus();
    }
    settle();
    if (result < 0) {
        const auto what = "cannot connect to " + place_.description();
        return note(result, {}, errno_text(what, result));
    }
    if (!ready_) {
        return note(connect_error_, {},
                    errno_text("cannot connect to " + place_.description(), connect_error_));
    }
    return 0;
}

Ref<doed_call> Session::run(Request request, int& error) {
    auto call = open_call(std::move(request), nullptr, nullptr, error);
    if (!call) {
        return {};
    }
    const auto is_done = [&] { return call->state == doed_call::State::done; };
    int result = 0;
    try {
        result = run_until(is_done, never_usec);
    } catch (...) {
        result = -ENOMEM;
    }
    if (!is_done()) {
        fail(*call, result, {}, result == -ECANCELED ? "given up" : "memory ran out");
    }
    due_.erase(call->place);
    call->state = doed_call::State::delivered;
    call->session = nullptr;
    settle();
    error = call->reply.error;
    if (error < 0) {
        note(error, call->reply.error_name, call->reply.error_message);
    }
    return call;
}

void Session::end() noexcept {
    ended_ = true;
    fail_all(-ECANCELED, {}, "the context ended");
    while (!due_.empty()) {
        const Ref<doed_call> call = due_.front();
        due_.pop_front();
        call_back(*call);
    }
    for (const auto& subscription : subscriptions_) {
        subscription->detach();
    }
    subscriptions_.clear();
    owner_match_.reset();
    bus_.reset();
}

void Session::abandon() noexcept {
    wakeups_.abandon();
    for (const auto& subscription : subscriptions_) {
        subscription->abandon();
    }
    for (const auto& call : due_) {
        call->reply.fd.reset();
    }
    if (bus_) {
        ::close(bus_fd_);
    }
}

}  // namespace doed::client
