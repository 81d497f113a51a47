/* SPDX-License-Identifier: Apache-2.0 */
//
// The second half of doed/doed.hpp, to be included through it: contexts, their calls and events.
#ifndef DOED_CONTEXT_HPP
#define DOED_CONTEXT_HPP

#include <doed/doed.hpp>

#include <unistd.h>

namespace doed {

inline Lease::~Lease() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

struct Settings {
    std::string bus = "system";  ///< "system", "session" or a D-Bus address
    std::string host;            ///< "[USER@]HOST[:PORT]": that host's system bus, over ssh
    std::chrono::microseconds deadline = std::chrono::seconds(30);
    std::uint32_t flags = 0;  ///< DOED_ALLOW_INTERACTIVE_AUTHORIZATION, DOED_NO_AUTOSTART
};

namespace detail {

// What a reply has for each type of result.
inline Snapshot take(const doed_reply* reply, std::type_identity<Snapshot>) {
    return Snapshot(doed_snapshot_ref(doed_reply_snapshot(reply)));
}
inline Manager take(const doed_reply* reply, std::type_identity<Manager>) {
    return Manager(doed_manager_ref(doed_reply_manager(reply)));
}
inline Features take(const doed_reply* reply, std::type_identity<Features>) {
    return Features(doed_features_ref(doed_reply_features(reply)));
}
inline CdatStatus take(const doed_reply* reply, std::type_identity<CdatStatus>) {
    return CdatStatus(doed_cdat_status_ref(doed_reply_cdat_status(reply)));
}
inline Cdat take(const doed_reply* reply, std::type_identity<Cdat>) {
    return Cdat(doed_cdat_ref(doed_reply_cdat(reply)));
}
inline std::string take(const doed_reply* reply, std::type_identity<std::string>) {
    return doed_reply_text(reply);
}
inline std::vector<std::uint8_t> take(const doed_reply* reply,
                                      std::type_identity<std::vector<std::uint8_t>>) {
    std::size_t size = 0;
    const auto* bytes = doed_reply_bytes(reply, &size);
    return {bytes, bytes + size};
}
inline std::uint32_t take(const doed_reply* reply, std::type_identity<std::uint32_t>) {
    return doed_reply_sequence(reply);
}
inline Lease take(const doed_reply* reply, std::type_identity<Lease>) {
    return Lease(doed_reply_take_fd(reply));
}
inline Done take(const doed_reply*, std::type_identity<Done>) {
    return {};
}

template <typename T>
[[nodiscard]] Result<T> result_of(const doed_reply* reply) {
    if (const int error = doed_reply_error(reply); error < 0) {
        return Error(error, doed_reply_error_name(reply), doed_reply_error_message(reply));
    }
    return take(reply, std::type_identity<T>());
}

/// A callback on the heap, called once. An exception from it ends the program: there is nobody to catch it.
template <typename T, typename Callback>
struct Pending {
    Callback callback;

    static void complete(const doed_reply* reply, void* self) noexcept {
        const std::unique_ptr<Pending> pending(static_cast<Pending*>(self));
        std::move(pending->callback)(result_of<T>(reply));
    }
};

}  // namespace detail

/// An asynchronous call that can be cancelled. Its end does not cancel.
class Call {
public:
    Call() = default;
    explicit Call(doed_call* owned) noexcept : handle_(owned) {}

    [[nodiscard]] doed_call* get() const noexcept { return handle_.get(); }
    /// The callback will be called with ECANCELED; false when it has been or is being called.
    bool cancel() noexcept { return doed_call_cancel(get()) == 0; }

private:
    detail::Handle<doed_call, doed_call_unref> handle_;
};

/// A stream of events, until its end. See doed_subscribe().
class Subscription {
public:
    using Callback = std::function<void(const doed_event&)>;

    Subscription() = default;

private:
    friend class Context;
    Subscription(std::unique_ptr<Callback> callback, doed_subscription* owned) noexcept
        : callback_(std::move(callback)), handle_(owned) {}

    // Ended before its callback.
    std::unique_ptr<Callback> callback_;
    detail::Handle<doed_subscription, doed_subscription_unref> handle_;
};

/// A connection to doed; of one thread at a time.
class Context {
public:
    /// Connects at the first call, or by connect().
    [[nodiscard]] static Result<Context> open(const Settings& settings = {}) {
        doed_context* raw = nullptr;
        int error = doed_new(&raw);
        if (error < 0) {
            return Error(error);
        }
        Context context(raw);
        error = settings.host.empty() ? doed_set_bus(raw, settings.bus.c_str())
                                      : doed_set_host(raw, settings.host.c_str());
        if (error < 0) {
            return Error(error, {},
                         "no bus, address or host: " +
                             (settings.host.empty() ? settings.bus : settings.host));
        }
        error = doed_set_deadline(raw, static_cast<std::uint64_t>(settings.deadline.count()));
        if (error == 0) {
            error = doed_set_flags(raw, settings.flags);
        }
        if (error < 0) {
            return Error(error);
        }
        return context;
    }

    explicit Context(doed_context* owned) noexcept : handle_(owned) {}

    [[nodiscard]] doed_context* get() const noexcept { return handle_.get(); }

    [[nodiscard]] Result<Done> connect() { return done(doed_connect(get())); }

    // What waits. refresh: the device is read now.
    [[nodiscard]] Result<Snapshot> snapshot() { return owned<Snapshot>(doed_snapshot_get); }
    [[nodiscard]] Result<Manager> manager() { return owned<Manager>(doed_manager_get); }
    [[nodiscard]] Result<Features> discover(const std::string& mailbox) {
        return owned<Features>(doed_discover, mailbox.c_str());
    }
    [[nodiscard]] Result<Done> reset(const std::string& mailbox) {
        return done(doed_reset(get(), mailbox.c_str()));
    }
    [[nodiscard]] Result<Lease> release(const std::string& mailbox) {
        int fd = -1;
        const int error = doed_release(get(), mailbox.c_str(), &fd);
        return error < 0 ? Result<Lease>(last_error(error)) : Result<Lease>(Lease(fd));
    }
    [[nodiscard]] Result<std::string> trace(const std::string& mailbox) {
        return text(doed_trace, mailbox.c_str());
    }
    [[nodiscard]] Result<Cdat> cdat(const std::string& mailbox, bool refresh = false) {
        return owned<Cdat>(doed_cdat_get, mailbox.c_str(), flags(refresh));
    }
    [[nodiscard]] Result<std::vector<std::uint8_t>> cdat_table(const std::string& mailbox,
                                                               bool refresh = false) {
        std::uint8_t* bytes = nullptr;
        std::size_t size = 0;
        const int error = doed_cdat_table(get(), mailbox.c_str(), flags(refresh), &bytes, &size);
        if (error < 0) {
            return last_error(error);
        }
        const std::unique_ptr<std::uint8_t, detail::Releaser<std::free>> owner(bytes);
        return std::vector<std::uint8_t>(bytes, bytes + size);
    }
    [[nodiscard]] Result<std::string> cdat_json(const std::string& mailbox, bool refresh = false) {
        return text(doed_cdat_json, mailbox.c_str(), flags(refresh));
    }
    [[nodiscard]] Result<std::uint32_t> cdat_refresh(const std::string& mailbox) {
        std::uint32_t sequence = 0;
        const int error = doed_cdat_refresh(get(), mailbox.c_str(), &sequence);
        return error < 0 ? Result<std::uint32_t>(last_error(error))
                         : Result<std::uint32_t>(sequence);
    }
    [[nodiscard]] Result<CdatStatus> cdat_status(const std::string& mailbox) {
        return owned<CdatStatus>(doed_cdat_status_get, mailbox.c_str());
    }

    // The same, calling back with a Result of the same type from process(). An error: it will not be called.
    template <typename Callback>
    Result<Call> snapshot_async(Callback callback) {
        return start<Snapshot>(std::move(callback), doed_snapshot_get_async);
    }
    template <typename Callback>
    Result<Call> manager_async(Callback callback) {
        return start<Manager>(std::move(callback), doed_manager_get_async);
    }
    template <typename Callback>
    Result<Call> discover_async(const std::string& mailbox, Callback callback) {
        return start<Features>(std::move(callback), doed_discover_async, mailbox.c_str());
    }
    template <typename Callback>
    Result<Call> reset_async(const std::string& mailbox, Callback callback) {
        return start<Done>(std::move(callback), doed_reset_async, mailbox.c_str());
    }
    template <typename Callback>
    Result<Call> release_async(const std::string& mailbox, Callback callback) {
        return start<Lease>(std::move(callback), doed_release_async, mailbox.c_str());
    }
    template <typename Callback>
    Result<Call> trace_async(const std::string& mailbox, Callback callback) {
        return start<std::string>(std::move(callback), doed_trace_async, mailbox.c_str());
    }
    template <typename Callback>
    Result<Call> cdat_async(const std::string& mailbox, bool refresh, Callback callback) {
        return start<Cdat>(std::move(callback), doed_cdat_get_async, mailbox.c_str(),
                           flags(refresh));
    }
    template <typename Callback>
    Result<Call> cdat_table_async(const std::string& mailbox, bool refresh, Callback callback) {
        return start<std::vector<std::uint8_t>>(std::move(callback), doed_cdat_table_async,
                                                mailbox.c_str(), flags(refresh));
    }
    template <typename Callback>
    Result<Call> cdat_json_async(const std::string& mailbox, bool refresh, Callback callback) {
        return start<std::string>(std::move(callback), doed_cdat_json_async, mailbox.c_str(),
                                  flags(refresh));
    }
    template <typename Callback>
    Result<Call> cdat_refresh_async(const std::string& mailbox, Callback callback) {
        return start<std::uint32_t>(std::move(callback), doed_cdat_refresh_async, mailbox.c_str());
    }
    template <typename Callback>
    Result<Call> cdat_status_async(const std::string& mailbox, Callback callback) {
        return start<CdatStatus>(std::move(callback), doed_cdat_status_get_async, mailbox.c_str());
    }

    /// The events belong to the library, for the time of the callback. It must not end the Subscription that it belongs to.
    [[nodiscard]] Result<Subscription> subscribe(Subscription::Callback callback) {
        auto kept = std::make_unique<Subscription::Callback>(std::move(callback));
        doed_subscription* raw = nullptr;
        const int error = doed_subscribe(
            get(),
            [](const doed_event* event, void* self) noexcept {
                (*static_cast<Subscription::Callback*>(self))(*event);
            },
            kept.get(), &raw);
        if (error < 0) {
            return last_error(error);
        }
        return Subscription(std::move(kept), raw);
    }

    // The loop.
    [[nodiscard]] int fd() const noexcept { return doed_get_fd(get()); }
    /// Whether something was done: call it again then.
    [[nodiscard]] Result<bool> process() {
        const int result = doed_process(get());
        return result < 0 ? Result<bool>(Error(result)) : Result<bool>(result > 0);
    }
    /// Whether there is something for process() to do. Negative: without limit.
    [[nodiscard]] Result<bool> wait(
        std::chrono::microseconds timeout = std::chrono::microseconds(-1)) {
        const int result = doed_wait(
            get(), timeout.count() < 0 ? UINT64_MAX : static_cast<std::uint64_t>(timeout.count()));
        return result < 0 ? Result<bool>(Error(result)) : Result<bool>(result > 0);
    }

private:
    [[nodiscard]] static std::uint32_t flags(bool refresh) noexcept {
        return refresh ? DOED_CDAT_REFRESH : 0;
    }
    [[nodiscard]] Error last_error(int error) const {
        return Error(error, doed_last_error_name(get()), doed_last_error_message(get()));
    }
    [[nodiscard]] Result<Done> done(int error) const {
        return error < 0 ? Result<Done>(last_error(error)) : Result<Done>(Done());
    }
    template <typename T, typename Function, typename... Arguments>
    [[nodiscard]] Result<T> owned(Function function, Arguments... arguments) {
        std::remove_pointer_t<decltype(std::declval<T>().get())>* raw = nullptr;
        const int error = function(get(), arguments..., &raw);
        return error < 0 ? Result<T>(last_error(error)) : Result<T>(T(raw));
    }
    template <typename Function, typename... Arguments>
    [[nodiscard]] Result<std::string> text(Function function, Arguments... arguments) {
        char* raw = nullptr;
        const int error = function(get(), arguments..., &raw);
        if (error < 0) {
            return last_error(error);
        }
        const std::unique_ptr<char, detail::Releaser<std::free>> owner(raw);
        return std::string(raw);
    }
    template <typename T, typename Callback, typename Function, typename... Arguments>
    Result<Call> start(Callback callback, Function function, Arguments... arguments) {
        using Pending = detail::Pending<T, Callback>;
        std::unique_ptr<Pending> pending(new Pending{std::move(callback)});
        doed_call* call = nullptr;
        const int error = function(get(), arguments..., &Pending::complete, pending.get(), &call);
        if (error < 0) {
            return last_error(error);
        }
        (void)pending.release();
        return Call(call);
    }

    detail::Handle<doed_context, doed_unref> handle_;
};

}  // namespace doed

#endif
