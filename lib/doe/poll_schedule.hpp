// SPDX-License-Identifier: Apache-2.0
//
// When to look at a waiting mailbox next. What one device takes for one protocol is much the same from one time to the
// next, or one of a few values: so the looks are at the times that responses were lately found at. Now and then, and
// always where these times vary, there is one a little earlier, for a device that has become faster. Between usual times
// that are far apart there are few, and where nothing is known the pause is a twelfth of the time already waited. A usual
// completion is seen at most a twelfth late, or one floor, and a slow device is left alone while it works.
#pragma once

#include "base/scheduler.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace doed::doe {

struct PollLimits {
    base::Duration floor =
        std::chrono::microseconds(50);  ///< shortest pause between two status reads
    base::Duration cap =
        std::chrono::milliseconds(4);  ///< longest pause among usual times and after them
};

class PollSchedule {
public:
    /// `cap`: PollLimits::cap.
    explicit PollSchedule(base::Duration cap) noexcept : cap_(cap) {}

    /// Whether it is worth looking right after GO; else next() says when.
    [[nodiscard]] bool looks_at_once(base::Duration floor) const noexcept;
    /// The time of the next look at a mailbox that has been waiting since `since`, at least `floor` from now.
    [[nodiscard]] base::TimePoint next(base::TimePoint since, base::TimePoint now,
                                       base::Duration floor) const noexcept;
    /// Learns that a response was seen by the look that was asked for `response_time` after GO, and not yet by one `not_yet` after
    /// GO. Where there was none it is 0, and `response_time` where it was seen without a pause. `floor`: as given to next().
    void observe(base::Duration response_time, base::Duration not_yet,
                 base::Duration floor) noexcept;
    /// The shortest of the remembered response times; none before the first.
    [[nodiscard]] std::optional<base::Duration> shortest() const noexcept;

private:
    struct Observation {
        base::Duration time{};
        std::size_t number = 0;  ///< of the exchange
    };

    /// Enough to know each of a few usual times and how much it varies.
    static constexpr std::size_t observations_max = 16;
    /// Exchanges after which a time that has not come again is forgotten. Until then it is kept, however often others come:
    /// a rare fast response is as usual as a frequent slow one.
    static constexpr std::size_t remembered_for = 128;

    [[nodiscard]] std::span<const Observation> known() const noexcept;
    [[nodiscard]] Observation& forgettable() noexcept;
    [[nodiscard]] bool looks_early() const noexcept;
    [[nodiscard]] base::Duration approach(base::Duration time, base::Duration floor) const noexcept;
    [[nodiscard]] std::optional<base::Duration> first_look(base::Duration floor) const noexcept;
    [[nodiscard]] base::Duration usual_look(base::Duration waited,
                                            base::Duration floor) const noexcept;

    base::Duration cap_;
    std::array<Observation, observations_max> observations_{};
    std::size_t observed_ = 0;  ///< in all
    base::Duration
        doubtful_{};  ///< a time at which a response may have been there, and nobody looked
    int doubts_ = 0;  ///< exchanges that are still looked at then
};

}  // namespace doed::doe
