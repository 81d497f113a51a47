// SPDX-License-Identifier: Apache-2.0
//
// Calls and the connection. What calls back, and what waits, is in session_loop.cpp.
#include "client/libdoed/session.hpp"

#include "base/dbus_names.hpp"
#include "client/libdoed/errors.hpp"
#include "client/libdoed/messages.hpp"

#include <cerrno>
#include <new>

#include <unistd.h>

void doed_reply::fail(int why, std::string_view name, std::string_view message) noexcept {
    *this = doed_reply();
    error = why;
    try {
        error_name = name;
        error_message = message;
    } catch (const std::bad_alloc&) {
        // The number has to do.
        error_name.clear();
        error_message.clear();
    }
}

namespace doed::client {

namespace {

constexpr char timeout_name[] = "org.freedesktop.DBus.Error.Timeout";
constexpr char disconnected_name[] = "org.freedesktop.DBus.Error.Disconnected";
constexpr char too_large_name[] = "org.doed1.Error.TooLarge";

/// How much longer than doed's own deadline an answer is waited for.
constexpr std::uint64_t answer_grace_usec = 1'000'000;

/// Calls that doed has at a time; half of what a bus allows.
constexpr std::size_t window = 64;

bool is_urgent(const doed_call& call) noexcept {
    return call.callback == nullptr || call.request.operation == Operation::subscribe;
}

}  // namespace

Session::Session() : process_(::getpid()) {}

bool Session::is_forked() const noexcept {
    return ::getpid() != process_;
}

int Session::set_place(Place place) {
    if (bus_ || broken_) {
        return -EBUSY;
    }
    place_ = std::move(place);
    return 0;
}

int Session::begin() {
    if (broken_ || ended_) {
        return note(-ENOTCONN, disconnected_name,
                    "the connection to " + place_.description() + " broke");
    }
    if (bus_) {
        return 0;
    }
    ready_ = false;
    connect_error_ = 0;
    const int error = begin_connection(place_, bus_);
    if (error < 0) {
        return note(error, {}, errno_text("cannot connect to " + place_.description(), error));
    }
    bus_fd_ = sd_bus_get_fd(bus_.get());
    settle();
    return 0;
}

void Session::become_ready() {
    ready_ = true;
    if (!subscriptions_.empty()) {
        watch_owner();
    }
    send_waiting();
}

void Session::send_waiting() noexcept {
    while (ready_ && !waiting_.empty() && (sent_.size() < window || is_urgent(*waiting_.front()))) {
        send(*waiting_.front());
    }
}

std::list<Ref<doed_call>>& Session::list_of(const doed_call& call) noexcept {
    switch (call.state) {
        case doed_call::State::waiting: return waiting_;
        case doed_call::State::sent: return sent_;
        default: return due_;
    }
}

Ref<doed_call> Session::open_call(Request&& request, doed_callback callback, void* userdata,
                                  int& error) {
    if (sd_bus_object_path_is_valid(request.path.c_str()) <= 0) {
        error = note(-EINVAL, {}, request.path + " is no path of a D-Bus object");
        return {};
    }
    error = begin();
    if (error < 0) {
        return {};
    }
    auto call = make_ref<doed_call>(*this, std::move(request), callback, userdata);
    const std::uint64_t grace = has_options(call->request.operation) ? answer_grace_usec : 0;
    call->deadline_usec = after_usec(now_usec(), call->request.settings.deadline_usec);
    call->given_up_usec =
        call->deadline_usec == never_usec ? never_usec : after_usec(call->deadline_usec, grace);
    call->place = waiting_.insert(is_urgent(*call) ? waiting_.begin() : waiting_.end(), call);
    try {
        deadlines_.emplace(call->given_up_usec, call.get());
    } catch (...) {
        waiting_.erase(call->place);
        throw;
    }
    send_waiting();
    return call;
}

int Session::submit(Request request, doed_callback callback, void* userdata, doed_call** ret) {
    if (callback == nullptr) {
        return -EINVAL;
    }
    int error = 0;
    auto call = open_call(std::move(request), callback, userdata, error);
    if (!call) {
        return error;
    }
    settle();
    if (ret != nullptr) {
        *ret = call.release();
    }
    return 0;
}

int Session::cancel(doed_call& call) noexcept {
    if (is_forked()) {
        return -ECHILD;
    }
    if (call.cancelled || call.state == doed_call::State::delivered) {
        return -EALREADY;
    }
    call.cancelled = true;
    if (call.state == doed_call::State::done) {
        call.reply.fail(-ECANCELED, {}, "the call was cancelled");
    } else {
        fail(call, -ECANCELED, {}, "the call was cancelled");
    }
    settle();
    return 0;
}

void Session::send(doed_call& call) noexcept {
    try {
        try_to_send(call);
    } catch (...) {
        fail(call, -ENOMEM, {}, "memory ran out");
    }
}

void Session::try_to_send(doed_call& call) {
    if (needs_descriptors(call.operation()) &&
        sd_bus_can_send(bus_.get(), SD_BUS_TYPE_UNIX_FD) <= 0) {
        if (call.asks_for_file) {
            fail(call, -E2BIG, too_large_name,
                 "the table is longer than 64 KiB, and the connection to " + place_.description() +
                     " cannot carry a file");
        } else {
            fail(call, -EOPNOTSUPP, {},
                 "the connection to " + place_.description() +
                     " cannot carry descriptors, in which this comes");
        }
        return;
    }
    sd_bus_message* raw = nullptr;
    int error = make_message(bus_.get(), call, now_usec(), &raw);
    const MessagePtr message(raw);
    sd_bus_slot* slot = nullptr;
    if (error >= 0) {
        // The session keeps the deadlines: also while the connection is being made, and with a reason of its own.
        error = sd_bus_call_async(bus_.get(), &slot, raw, &Session::on_answer, &call, never_usec);
    }
    if (error < 0) {
        fail(call, error, {}, errno_text("cannot send a D-Bus message", error));
        return;
    }
    call.slot.reset(slot);
    sent_.splice(sent_.end(), list_of(call), call.place);
    call.state = doed_call::State::sent;
}

int Session::on_answer(sd_bus_message* answer, void* data, sd_bus_error*) noexcept {
    auto& call = *static_cast<doed_call*>(data);
    try {
        call.session->answered(call, answer);
    } catch (...) {
        call.session->fail(call, -ENOMEM, {}, "memory ran out");
    }
    return 1;
}

void Session::answered(doed_call& call, sd_bus_message* answer) {
    if (sd_bus_is_open(bus_.get()) <= 0) {
        // Not an answer, but sd-bus telling that there will be none: lose_bus() is about to say so.
        return;
    }
    read_answer(call, answer);
    const bool is_table =
        call.request.operation == Operation::table || call.request.operation == Operation::decoded;
    if (is_table && !call.asks_for_file && call.reply.error_name == too_large_name) {
        // doed knows a table's size when it has read it: the copy is fresh, whatever was asked for.
        call.asks_for_file = true;
        call.reply = doed_reply();
        send(call);
        return;
    }
    finish(call);
}

void Session::finish(doed_call& call) noexcept {
    call.slot.reset();
    deadlines_.erase({call.given_up_usec, &call});
    due_.splice(due_.end(), list_of(call), call.place);
    call.state = doed_call::State::done;
}

void Session::fail(doed_call& call, int why, std::string_view name,
                   std::string_view message) noexcept {
    call.reply.fail(why, name, message);
    finish(call);
}

void Session::fail_all(int why, std::string_view name, std::string_view message) noexcept {
    for (auto* list : {&sent_, &waiting_}) {
        while (!list->empty()) {
            fail(*list->front(), why, name, message);
        }
    }
}

void Session::expire(std::uint64_t now) noexcept {
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        fail(*deadlines_.begin()->second, -ETIME, timeout_name,
             ready_ ? "the call was not answered in time"
                    : "the bus did not take the connection in time");
    }
}

/// Connections are not made anew: what hangs on one would be lost without notice. One that has never been ready has nothing
/// that hangs on it.
void Session::lose_bus(int why) noexcept {
    broken_ = ready_;
    connect_error_ = ready_ ? -ENOTCONN : why;
    try {
        const std::string place = place_.description();
        const std::string message = ready_ ? "the connection to " + place + " broke"
                                           : errno_text("cannot connect to " + place, why);
        fail_all(connect_error_, ready_ ? disconnected_name : "", message);
    } catch (const std::bad_alloc&) {
        fail_all(connect_error_, {}, {});
    }
    for (const auto& subscription : subscriptions_) {
        subscription->disconnected(connect_error_);
    }
    close_bus();
}

void Session::close_bus() noexcept {
    owner_match_.reset();
    wakeups_.forget(bus_fd_);
    bus_.reset();
    bus_fd_ = -1;
    ready_ = false;
}

int Session::on_owner_changed(sd_bus_message* signal, void* self, sd_bus_error*) noexcept {
    const char* name = nullptr;
    const char* before = nullptr;
    const char* now = nullptr;
    if (sd_bus_message_read(signal, "sss", &name, &before, &now) > 0 && *now != '\0') {
        for (const auto& subscription : static_cast<Session*>(self)->subscriptions_) {
            subscription->daemon_appeared();
        }
    }
    return 0;
}

void Session::watch_owner() {
    if (owner_match_ || !ready_) {
        return;
    }
    const std::string rule = std::string("type='signal',sender='org.freedesktop.DBus',") +
                             "path='/org/freedesktop/DBus',interface='org.freedesktop.DBus'," +
                             "member='NameOwnerChanged',arg0='" + names::bus_name + "'";
    sd_bus_slot* slot = nullptr;
    if (sd_bus_add_match_async(bus_.get(), &slot, rule.c_str(), &Session::on_owner_changed, nullptr,
                               this) < 0) {
        throw std::bad_alloc();
    }
    owner_match_.reset(slot);
}

void Session::add(const Ref<doed_subscription>& subscription) {
    subscriptions_.push_back(subscription);
    watch_owner();
}

void Session::remove(doed_subscription& subscription) noexcept {
    std::erase_if(subscriptions_, [&](const auto& known) { return known.get() == &subscription; });
    settle();
}

int Session::note(int error, std::string_view name, std::string_view message) {
    last_name_ = name;
    last_message_ = message;
    return error;
}

}  // namespace doed::client
