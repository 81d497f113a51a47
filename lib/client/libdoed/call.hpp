// SPDX-License-Identifier: Apache-2.0
//
// One call of doed, from its submission until its callback has been called, and what it ended with. Belongs to one Session
// until then, and to whoever keeps a reference.
#pragma once

#include "base/unique_fd.hpp"
#include "client/libdoed/handles.hpp"
#include "client/libdoed/sd_bus_owners.hpp"
#include "client/libdoed/shared.hpp"

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include <doed/doed.h>

namespace doed::client {

class Session;

enum class Operation : std::uint8_t {
    snapshot,
    manager,
    discover,
    reset,
    release,
    trace,
    table,       ///< raw
    decoded,     ///< the same, decoded
    table_file,  ///< what a table that is too large for a message is asked with instead
    json,
    refresh,
    status,
    subscribe,
};

/// What a caller may set for its calls.
struct CallSettings {
    std::uint64_t deadline_usec = 30'000'000;  ///< from submission on; never_usec: none
    bool interactive = false;
    bool autostart = true;
};

struct Request {
    Operation operation{};
    std::string path;
    bool refresh = false;
    CallSettings settings;
};

}  // namespace doed::client

struct doed_reply {
    int error = 0;
    std::string error_name;
    std::string error_message;
    doed::client::Ref<doed_snapshot> snapshot;
    doed::client::Ref<doed_manager> manager;
    doed::client::Ref<doed_features> features;
    doed::client::Ref<doed_cdat_status> status;
    doed::client::Ref<doed_cdat> cdat;
    std::optional<std::string> text;
    std::optional<std::vector<std::uint8_t>> bytes;
    mutable doed::base::UniqueFd fd;
    std::uint32_t sequence = 0;

    /// Throws away what there is. Without memory for the texts they are empty.
    void fail(int why, std::string_view name, std::string_view message) noexcept;
};

struct doed_call final : doed::client::Shared {
    enum class State : std::uint8_t {
        waiting,    ///< for the connection
        sent,       ///< doed has it
        done,       ///< the callback is due
        delivered,  ///< it has been or is being called
    };

    doed_call(doed::client::Session& owner, doed::client::Request&& wanted, doed_callback call_back,
              void* data)
        : session(&owner), request(std::move(wanted)), callback(call_back), userdata(data) {}

    /// What doed is being asked for.
    [[nodiscard]] doed::client::Operation operation() const noexcept {
        return asks_for_file ? doed::client::Operation::table_file : request.operation;
    }

    doed::client::Session* session;  ///< null once delivered
    doed::client::Request request;
    doed_callback callback;  ///< null: a function waits for it
    void* userdata;
    State state = State::waiting;
    bool cancelled = false;
    bool asks_for_file = false;       ///< the table is too large for a message
    std::uint64_t deadline_usec = 0;  ///< when doed is to have answered
    std::uint64_t given_up_usec = 0;  ///< when it is not waited for any more
    doed::client::SlotPtr slot;
    doed_reply reply;
    std::list<doed::client::Ref<doed_call>>::iterator place;  ///< among the session's
};
