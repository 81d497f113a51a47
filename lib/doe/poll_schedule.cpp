// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_schedule.hpp"

#include <algorithm>

namespace doed::doe {

namespace {
// The share of the time waited that a completion may be seen late.
constexpr int lateness_share = 10;
// Nobody looks in the first nine tenths of the expected time.
constexpr int early_share = 10;
// Pause around the expected time, as a share of it.
constexpr int close_share = 20;
}  // namespace

bool PollSchedule::looks_at_once(base::Duration floor) const noexcept {
    const auto time = expected();
    return !time || *time - *time / early_share <= floor;
}

base::TimePoint PollSchedule::next(base::TimePoint since, base::TimePoint now,
                                   base::Duration floor) const noexcept {
    const base::Duration waited = now - since;
    base::Duration pause = waited / lateness_share;
    if (const auto time = expected()) {
        const base::Duration first_look = *time - *time / early_share;
        if (waited + floor < first_look) {
            return since + first_look;
        }
        if (waited < *time + *time / lateness_share) {
            pause = *time / close_share;
        }
    }
    return now + std::clamp(pause, floor, std::max(floor, cap_));
}

void PollSchedule::observe(base::Duration response_time, bool seen_at_once) noexcept {
    // Looked at too late to be told apart from a much faster device: the next look is a good deal earlier.
    observations_[observed_++ % observations_max] =
        seen_at_once ? response_time / 2 : response_time;
}

std::optional<base::Duration> PollSchedule::expected() const noexcept {
    const std::size_t known = std::min(observed_, observations_max);
    if (known == 0) {
        return std::nullopt;
    }
    return *std::min_element(observations_.begin(), observations_.begin() + known);
}

}  // namespace doed::doe
