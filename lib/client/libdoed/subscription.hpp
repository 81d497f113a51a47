// SPDX-License-Identifier: Apache-2.0
//
// A stream of events that outlives the doed which serves it. Events stay in the socket until the program asks for
// them, one at a time, so that what a slow program leaves there counts against its queue in doed.
//
//   asking -> streaming        doed gave a stream
//   asking -> away             there is no doed; its name appearing on the bus ends this
//   asking -> pausing          doed could not now; ended by time, or as `away`
//   asking -> over             doed will not
//   streaming -> asking        the stream ended, having been read to its end
//   streaming -> pausing       the same, and nothing had come
#pragma once

#include "base/event.hpp"
#include "base/unique_fd.hpp"
#include "client/libdoed/call.hpp"
#include "client/libdoed/shared.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include <doed/doed.h>

struct doed_subscription final : doed::client::Shared {
public:
    doed_subscription(doed::client::Session& session, doed_event_callback callback, void* userdata)
        : session_(&session), callback_(callback), userdata_(userdata) {}

    /// Asks doed for a stream. Negative when the call could not even be begun.
    [[nodiscard]] int begin();
    /// Ends it: nothing is called back any more.
    void end() noexcept;

    // From the session.
    /// Whether anything was done: at most one callback was called.
    [[nodiscard]] bool deliver() noexcept;
    /// When deliver() has something to do though no stream is readable.
    [[nodiscard]] std::uint64_t next_usec() const noexcept;
    void daemon_appeared() noexcept;
    void disconnected(int error) noexcept;
    /// The session ends.
    void detach() noexcept;
    /// In a child.
    void abandon() noexcept { stream_.reset(); }

private:
    enum class State : std::uint8_t { asking, streaming, away, pausing, over };

    /// An event of the library's own.
    struct Notice {
        std::uint32_t type = 0;
        int error = 0;
        std::string name;
        std::string text;
    };

    static void on_stream(const doed_reply* reply, void* self) noexcept;
    void take(const doed_reply& reply);
    void ask_again() noexcept;
    void pause() noexcept;
    [[nodiscard]] bool read_stream();
    void close_stream() noexcept;
    void stream_ended() noexcept;
    [[nodiscard]] bool show(const doed::base::EventPacket& packet);
    void call_back(const doed_event& event) noexcept { callback_(&event, userdata_); }

    doed::client::Session* session_;
    doed_event_callback callback_;
    void* userdata_;
    State state_ = State::asking;
    doed::base::UniqueFd stream_;
    doed::client::Ref<doed_call> asking_;
    std::deque<Notice> notices_;
    bool is_first_ = true;    ///< no stream has begun yet
    bool told_gone_ = false;  ///< since the last stream
    bool appeared_ = false;   ///< doed's name, since it was asked
    bool heard_ = false;      ///< something, from this stream
    bool outlived_ = false;   ///< another doed has come while the stream was open
    std::uint64_t pause_usec_ = 0;
    std::uint64_t ask_at_usec_ = 0;
};
