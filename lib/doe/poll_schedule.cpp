// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_schedule.hpp"

#include <algorithm>

namespace doed::doe {

namespace {
// The same share of the time waited that a completion may be seen late.
constexpr int lateness_share = 10;
// Weight of a new observation, as in TCP's smoothed round-trip time (RFC 6298 2).
constexpr int smoothing_share = 8;
}  // namespace

base::TimePoint PollSchedule::next(base::TimePoint since, base::TimePoint now) const noexcept {
    const base::Duration waited = now - since;
    if (smoothed_) {
        // Sleep through the part in which nothing was ever seen to happen, then look more often.
        const base::Duration expected = *smoothed_ - *smoothed_ / lateness_share;
        if (waited + limits_.floor < expected) {
            return since + expected;
        }
    }
    return now +
           std::clamp(waited / lateness_share, limits_.floor, std::max(limits_.floor, limits_.cap));
}

void PollSchedule::observe(base::Duration response_time) noexcept {
    if (!smoothed_) {
        smoothed_ = response_time;
        return;
    }
    *smoothed_ += (response_time - *smoothed_) / smoothing_share;
}

}  // namespace doed::doe
