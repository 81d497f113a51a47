// SPDX-License-Identifier: Apache-2.0
//
// When to look at a waiting mailbox next. The first looks are fitted to how long this mailbox took before; after that
// the pause is a tenth of the time already waited, between floor and cap, so that a completion is seen at most a tenth
// late and a slow device is not hammered.
#pragma once

#include "base/scheduler.hpp"

#include <optional>

namespace doed::doe {

struct PollLimits {
    base::Duration floor =
        std::chrono::microseconds(50);                  ///< shortest pause between two status reads
    base::Duration cap = std::chrono::milliseconds(4);  ///< longest pause
};

class PollSchedule {
public:
    explicit PollSchedule(const PollLimits& limits) noexcept : limits_(limits) {}

    /// The time of the next look at a mailbox that has been waiting since `since`.
    [[nodiscard]] base::TimePoint next(base::TimePoint since, base::TimePoint now) const noexcept;
    /// Learns that a response took `response_time`.
    void observe(base::Duration response_time) noexcept;
    /// The smoothed response time; none before the first observation.
    [[nodiscard]] std::optional<base::Duration> smoothed() const noexcept { return smoothed_; }

private:
    PollLimits limits_;
    std::optional<base::Duration> smoothed_;
};

}  // namespace doed::doe
