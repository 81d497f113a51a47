// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_schedule.hpp"

#include <algorithm>
#include <cstdint>

namespace doed::doe {

namespace {

// The share of the time waited that a completion may be seen late, where one has been seen about that late before.
constexpr int step_share = 12;
// What it takes to hand a response over, which comes on top of that.
constexpr base::Duration handover = std::chrono::microseconds(50);
// A usual time is waited for from this share of it before it on: it may be a little shorter this time.
constexpr int early_share = 32;
// Times within this share of each other are one usual time that varies.
constexpr int same_share = 8;
// So late a response may be seen of any device.
constexpr base::Duration tolerable = std::chrono::microseconds(100);
// Exchanges that are looked at in between after one whose response may have been there for long.
constexpr int doubts_max = 4;

/// Between usual times, where no response was seen lately: by half as much again.
base::Duration stride(base::Duration waited) noexcept {
    return waited + waited / 2;
}

}  // namespace

std::span<const PollSchedule::Observation> PollSchedule::known() const noexcept {
    return std::span(observations_).first(std::min(observed_, observations_max));
}

std::optional<base::Duration> PollSchedule::shortest() const noexcept {
    const auto times = known();
    return times.empty() ? std::nullopt
                         : std::optional(std::ranges::min(times, {}, &Observation::time).time);
}

/// Before any other; none when nothing is known.
std::optional<base::Duration> PollSchedule::first_look(base::Duration floor) const noexcept {
    const auto time = shortest();
    if (!time) {
        return std::nullopt;
    }
    const base::Duration usual = approach(*time, floor);
    return doubts_ > 0 ? std::min(usual, doubtful_) : usual;
}

/// Of one exchange in four, and of those after one that was found too late. Which ones has no period: those of a device that
/// repeats itself, such as the entries of a table, would always meet the same ones.
bool PollSchedule::looks_early() const noexcept {
    const auto mixed =
        static_cast<std::uint32_t>(observed_) * 2654435769U;  // 2^32 by the golden ratio
    return doubts_ > 0 || mixed >> 30 == 0;
}

/// When looks at a usual time begin: a little earlier where it varies, too.
base::Duration PollSchedule::approach(base::Duration time, base::Duration floor) const noexcept {
    const base::Duration early = std::max(floor, std::min(time / early_share, cap_));
    const bool varies = std::ranges::any_of(known(), [&](const Observation& other) {
        return time + early < other.time && other.time <= time + time / same_share;
    });
    return looks_early() || varies ? time - early : time;
}

bool PollSchedule::looks_at_once(base::Duration floor) const noexcept {
    const auto first = first_look(floor);
    return !first || *first <= floor;
}

base::TimePoint PollSchedule::next(base::TimePoint since, base::TimePoint now,
                                   base::Duration floor) const noexcept {
    const base::Duration waited = now - since;
    const base::Duration look = usual_look(waited, floor);
    const bool doubted = doubts_ > 0 && waited + floor <= doubtful_;
    return since + (doubted ? std::min(look, doubtful_) : look);
}

base::Duration PollSchedule::usual_look(base::Duration waited,
                                        base::Duration floor) const noexcept {
    const base::Duration step =
        std::clamp(waited / step_share - handover, floor, std::max(floor, cap_));
    const base::Duration earliest = waited + std::max(floor, waited / early_share * 3 / 4);
    std::optional<base::Duration> at_hand;  // the next usual time, within a step
    std::optional<base::Duration> ahead;    // the next one after it
    bool further = false;                   // more of them in the step after that
    bool among = false;                     // the time waited is a usual one, or soon will be
    for (const auto& [time, number] : known()) {
        const base::Duration begin = approach(time, floor);
        if (begin <= waited && waited <= time + time / same_share) {
            among = true;
        }
        if (earliest <= time && time <= waited + step) {
            at_hand = at_hand ? std::min(*at_hand, time) : time;
        }
        if (waited + step < time && time <= waited + 2 * step) {
            further = true;
        }
        if (waited < begin) {
            ahead = ahead ? std::min(*ahead, begin) : begin;
        }
    }
    if (at_hand && !further) {
        return *at_hand;
    }
    if (among || !ahead) {
        return waited + step;
    }
    // Nothing is usual here: before the first usual time no look at all, later one for each half as much again.
    const base::Duration look = waited < *shortest() ? *ahead : stride(waited);
    return std::max(waited + floor, look + look / 4 < *ahead ? look : *ahead);
}

/// The place for a new observation: one that was made long ago, or else the oldest that a later one stands for.
PollSchedule::Observation& PollSchedule::forgettable() noexcept {
    if (observed_ < observations_max) {
        return observations_[observed_];
    }
    Observation& oldest = *std::ranges::min_element(observations_, {}, &Observation::number);
    if (observed_ - oldest.number >= remembered_for) {
        return oldest;
    }
    Observation* place = nullptr;
    for (Observation& candidate : observations_) {
        const bool stood_for = std::ranges::any_of(observations_, [&](const Observation& other) {
            return other.number > candidate.number &&
                   other.time <= candidate.time + candidate.time / same_share &&
                   candidate.time <= other.time + other.time / same_share;
        });
        if (stood_for && (place == nullptr || candidate.number < place->number)) {
            place = &candidate;
        }
    }
    return place == nullptr ? oldest : *place;
}

void PollSchedule::observe(base::Duration response_time, base::Duration not_yet,
                           base::Duration floor) noexcept {
    // Only where there are looks before the usual times does none of them speak against it.
    const bool doubtful =
        looks_early() &&
        response_time - not_yet > std::max({tolerable, floor, response_time / same_share});
    forgettable() = {.time = response_time, .number = observed_};
    ++observed_;
    if (doubtful) {
        doubtful_ = not_yet + (response_time - not_yet) / 2;
    }
    doubts_ = doubtful ? doubts_max : std::max(0, doubts_ - 1);
}

}  // namespace doed::doe
