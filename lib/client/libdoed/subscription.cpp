// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed/subscription.hpp"

#include "base/dbus_names.hpp"
#include "client/libdoed/boundary.hpp"
#include "client/libdoed/event_view.hpp"
#include "client/libdoed/session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>
#include <variant>

#include <sys/socket.h>

namespace {

using doed::client::never_usec;
using doed::client::now_usec;

constexpr std::uint64_t shortest_pause_usec = 250'000;
constexpr std::uint64_t longest_pause_usec = 8'000'000;
/// More than a packet of this doed has, for those of later ones.
constexpr std::size_t packet_room_bytes = 1024;
/// Packets that say nothing, before others get their turn.
constexpr int packets_at_once = 32;

bool may_change(int error) noexcept {
    return error == -EAGAIN || error == -ETIME || error == -ETIMEDOUT || error == -ENOMEM;
}

void ignore(const doed_reply*, void*) noexcept {}

}  // namespace

int doed_subscription::begin() {
    doed::client::Request request{doed::client::Operation::subscribe, doed::names::root_path, false,
                                  session_->settings};
    // Only who subscribes starts a doed, not its going away.
    request.settings.autostart = request.settings.autostart && is_first_ && !told_gone_;
    doed_call* call = nullptr;
    const int error =
        session_->submit(std::move(request), &doed_subscription::on_stream, this, &call);
    if (error < 0) {
        return error;
    }
    asking_ = doed::client::Ref<doed_call>(call);
    state_ = State::asking;
    appeared_ = false;
    return 0;
}

void doed_subscription::end() noexcept {
    state_ = State::over;
    notices_.clear();
    if (session_ != nullptr && session_->is_forked()) {
        // The rest is the parent's.
        (void)asking_.release();
        session_ = nullptr;
    }
    close_stream();
    if (asking_) {
        asking_->callback = &ignore;
        if (session_ != nullptr) {
            (void)session_->cancel(*asking_);
        }
        asking_ = {};
    }
    if (auto* session = std::exchange(session_, nullptr); session != nullptr) {
        session->remove(*this);
    }
}

void doed_subscription::detach() noexcept {
    session_ = nullptr;
    asking_ = {};
    end();
}

void doed_subscription::on_stream(const doed_reply* reply, void* self) noexcept {
    auto& subscription = *static_cast<doed_subscription*>(self);
    subscription.asking_ = {};
    try {
        subscription.take(*reply);
    } catch (...) {
        subscription.pause();
    }
}

void doed_subscription::take(const doed_reply& reply) {
    if (session_ == nullptr || state_ == State::over) {
        return;
    }
    if (reply.error == 0) {
        stream_ = std::move(reply.fd);
        heard_ = false;
        outlived_ = false;
        if (session_->watch_stream(stream_.get()) < 0) {
            close_stream();
            pause();
        } else {
            state_ = State::streaming;
        }
        return;
    }
    if (reply.error == -ESRCH || reply.error == -ERESTART) {
        if (!std::exchange(told_gone_, true)) {
            notices_.push_back({DOED_EVENT_DAEMON_GONE, 0, {}, {}});
        }
        if (appeared_) {
            ask_again();
        } else if (reply.error == -ESRCH) {
            state_ = State::away;
        } else {
            pause();
        }
        return;
    }
    notices_.push_back({DOED_EVENT_REFUSED, reply.error, reply.error_name, reply.error_message});
    if (may_change(reply.error)) {
        pause();
    } else {
        state_ = State::over;
    }
}

void doed_subscription::pause() noexcept {
    state_ = State::pausing;
    pause_usec_ = std::clamp(2 * pause_usec_, shortest_pause_usec, longest_pause_usec);
    ask_at_usec_ = now_usec() + pause_usec_;
}

void doed_subscription::ask_again() noexcept {
    int error = 0;
    try {
        error = begin();
    } catch (...) {
        error = -ENOMEM;
    }
    if (error < 0) {
        pause();
    }
}

void doed_subscription::daemon_appeared() noexcept {
    appeared_ = true;
    if (state_ == State::away || state_ == State::pausing) {
        ask_again();
    } else if (state_ == State::streaming) {
        outlived_ = true;
    }
}

void doed_subscription::disconnected(int error) noexcept {
    if (state_ == State::over) {
        return;
    }
    // What has been sent before may still be read, but a stream without its bus tells no more of doed's end.
    state_ = State::over;
    close_stream();
    // Where memory runs out, the functions of the context tell it too.
    static_cast<void>(doed::client::guarded([&] {
        notices_.push_back({DOED_EVENT_DISCONNECTED, error, {}, {}});
        return 0;
    }));
}

std::uint64_t doed_subscription::next_usec() const noexcept {
    if (!notices_.empty() || (state_ == State::streaming && outlived_)) {
        return 0;
    }
    return state_ == State::pausing ? ask_at_usec_ : never_usec;
}

bool doed_subscription::deliver() noexcept {
    try {
        if (!notices_.empty()) {
            const Notice notice = std::move(notices_.front());
            notices_.pop_front();
            auto event =
                doed::client::own_event(notice.type, notice.error, notice.name, notice.text);
            event.last = state_ == State::over && notices_.empty();
            call_back(event);
            return true;
        }
        if (state_ == State::pausing && now_usec() >= ask_at_usec_) {
            ask_again();
        }
        return state_ == State::streaming && read_stream();
    } catch (...) {
        // One event is lost for want of memory, and shows as a gap in the sequence.
        return false;
    }
}

bool doed_subscription::read_stream() {
    std::array<std::uint8_t, packet_room_bytes> room;
    for (int i = 0; i < packets_at_once; ++i) {
        const auto size = ::recv(stream_.get(), room.data(), room.size(), MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            const bool is_empty = size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
            if (!is_empty || outlived_) {
                stream_ended();
            }
            return false;
        }
        const auto packet =
            doed::base::parse_event(std::span(room).first(static_cast<std::size_t>(size)));
        // One that no doed writes says nothing.
        if (packet && show(*packet)) {
            return true;
        }
    }
    return true;
}

/// While somebody else has a copy, a child for one, the descriptor stays watched, and readable for ever at the stream's end.
void doed_subscription::close_stream() noexcept {
    if (stream_ && session_ != nullptr) {
        session_->forget_stream(stream_.get());
    }
    stream_.reset();
}

/// One that never said anything would be followed by the next such one.
void doed_subscription::stream_ended() noexcept {
    close_stream();
    if (heard_ || outlived_) {
        ask_again();
    } else {
        pause();
    }
}

bool doed_subscription::show(const doed::base::EventPacket& packet) {
    doed::client::EventView view(packet);
    heard_ = true;
    pause_usec_ = 0;
    if (std::holds_alternative<doed::base::SubscribedEvent>(packet.event.body)) {
        told_gone_ = false;
        if (!std::exchange(is_first_, false)) {
            view.rename(DOED_EVENT_DAEMON_RESTARTED);
        }
    }
    call_back(view.event());
    return true;
}
