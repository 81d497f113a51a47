// SPDX-License-Identifier: Apache-2.0
//
// What a context does: one connection to a bus, the calls that are open on it, and the subscriptions. Every callback is called
// exactly once, by process() or by end(), never from inside another function and never from inside sd-bus. A call is in
// exactly one place at a time: among those that wait to be sent, those that doed has, or those whose callback is due; moving it
// takes no memory, so that it cannot fail. What is called back goes to doed a window at a time, since a bus waits for no
// more than 128 answers for one client; what is waited for, and subscriptions, pass by.
#pragma once

#include "client/libdoed/call.hpp"
#include "client/libdoed/place.hpp"
#include "client/libdoed/subscription.hpp"
#include "client/libdoed/wakeups.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace doed::client {

class Session {
public:
    Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() = default;

    /// Whether this is a child of the process that made it.
    [[nodiscard]] bool is_forked() const noexcept;
    /// Negative errno value.
    [[nodiscard]] int open() noexcept { return wakeups_.open(); }

    // Settings. The place can be set until a connection is begun.
    [[nodiscard]] int set_place(Place place);
    CallSettings settings;
    doed_tick tick = nullptr;
    void* tick_data = nullptr;

    /// Of the last function that waited and failed.
    [[nodiscard]] const std::string& last_name() const noexcept { return last_name_; }
    [[nodiscard]] const std::string& last_message() const noexcept { return last_message_; }

    /// Before a function that may fail.
    void forget_error() noexcept {
        last_name_.clear();
        last_message_.clear();
    }

    /// Begins the connection if there is none. Errors as doed_connect().
    [[nodiscard]] int begin();
    /// Waits until the connection is ready.
    [[nodiscard]] int connect();

    /// A call whose callback will be called.
    [[nodiscard]] int submit(Request request, doed_callback callback, void* userdata,
                             doed_call** ret);
    /// A call that is waited for. Nothing when it could not even be begun, which `error` and last_*() tell.
    [[nodiscard]] Ref<doed_call> run(Request request, int& error);
    [[nodiscard]] int cancel(doed_call& call) noexcept;

    // The loop. See doed/doed.h.
    [[nodiscard]] int fd() const noexcept { return wakeups_.fd(); }
    [[nodiscard]] std::uint64_t next_usec() noexcept;
    [[nodiscard]] int process();
    [[nodiscard]] int wait(std::uint64_t timeout_usec);
    /// A callback or tick is being called.
    [[nodiscard]] bool is_inside() const noexcept { return inside_; }
    [[nodiscard]] bool is_ticking() const noexcept { return ticking_; }

    /// Cancels everything and calls the callbacks.
    void end() noexcept;
    /// In a child: closes its copies of the descriptors and lets go of the rest, which is the parent's.
    void abandon() noexcept;

    // For subscriptions.
    void add(const Ref<doed_subscription>& subscription);
    /// Tells subscriptions when doed appears on the bus; heard before any call that is sent later.
    void watch_owner();
    void remove(doed_subscription& subscription) noexcept;
    /// Negative errno value.
    [[nodiscard]] int watch_stream(int fd) noexcept { return wakeups_.add_stream(fd); }
    /// Before it is closed.
    void forget_stream(int fd) noexcept { wakeups_.forget(fd); }

private:
    [[nodiscard]] Ref<doed_call> open_call(Request&& request, doed_callback callback,
                                           void* userdata, int& error);
    void become_ready();
    void send_waiting() noexcept;
    [[nodiscard]] std::list<Ref<doed_call>>& list_of(const doed_call& call) noexcept;
    void send(doed_call& call) noexcept;
    void try_to_send(doed_call& call);
    void finish(doed_call& call) noexcept;
    void fail(doed_call& call, int why, std::string_view name, std::string_view message) noexcept;
    void fail_all(int why, std::string_view name, std::string_view message) noexcept;
    void answered(doed_call& call, sd_bus_message* answer);
    void expire(std::uint64_t now) noexcept;
    void lose_bus(int why) noexcept;
    void close_bus() noexcept;

    /// Lets sd-bus work; whether it did.
    bool pump();
    [[nodiscard]] bool deliver();
    [[nodiscard]] bool deliver_reply();
    [[nodiscard]] bool deliver_event();
    void call_back(doed_call& call) noexcept;
    /// Brings the descriptor up to date.
    void settle() noexcept;
    [[nodiscard]] std::uint64_t bus_timeout() const noexcept;

    /// Pumps until `done`, ticking. 0, -ETIMEDOUT when `deadline_usec` passes, -ECANCELED by the tick.
    [[nodiscard]] int run_until(const std::function<bool()>& done, std::uint64_t deadline_usec);
    [[nodiscard]] bool tick_says_stop(std::uint64_t begun_usec);
    int note(int error, std::string_view name, std::string_view message);

    static int on_answer(sd_bus_message* answer, void* call, sd_bus_error* error) noexcept;
    static int on_owner_changed(sd_bus_message* signal, void* self, sd_bus_error* error) noexcept;

    const int process_;
    Place place_;
    Wakeups wakeups_;
    BusPtr bus_;
    SlotPtr owner_match_;
    int bus_fd_ = -1;
    int connect_error_ = 0;  ///< of the last connection that did not get ready
    bool ready_ = false;
    bool broken_ = false;  ///< the connection was ready and is no more
    bool inside_ = false;
    bool ticking_ = false;
    bool ended_ = false;
    bool events_first_ = false;  ///< whose turn it is

    std::list<Ref<doed_call>> waiting_;
    std::list<Ref<doed_call>> sent_;
    std::list<Ref<doed_call>> due_;
    std::set<std::pair<std::uint64_t, doed_call*>> deadlines_;
    std::list<Ref<doed_subscription>> subscriptions_;

    std::string last_name_;
    std::string last_message_;
};

}  // namespace doed::client

struct doed_context {
    unsigned int references = 1;
    doed::client::Session session;
};
