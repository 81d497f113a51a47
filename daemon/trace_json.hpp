// SPDX-License-Identifier: Apache-2.0
//
// The flight recorder of a mailbox as the JSON document that GetTrace returns (docs/dbus-api.md describes it). Times are
// turned from the monotonic clock of the records into those of the wall here.
#pragma once

#include "daemon/served_mailbox.hpp"

#include <chrono>
#include <span>
#include <string>

namespace doed::daemon {

/// Counts up when a member changes its meaning or goes away.
inline constexpr int trace_version = 1;

/// Both clocks at one moment.
struct ClockPair {
    base::TimePoint steady;
    std::chrono::system_clock::time_point wall;

    [[nodiscard]] static ClockPair now() {
        return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
    }
};

/// On one line, in ASCII.
[[nodiscard]] std::string trace_json(const ServedMailbox& mailbox,
                                     std::span<const doe::TraceRecord> records,
                                     const ClockPair& now);

}  // namespace doed::daemon
