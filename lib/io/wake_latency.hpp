// SPDX-License-Identifier: Apache-2.0
//
// How much later than asked for the system wakes a thread: some microseconds, and several tens of them in virtual machines
// whose processors have to be started again. What it mostly takes is asked for earlier; pauses shorter than that are not slept.
// A better time counts at once, a worse one little, so that a machine with much to do is not asked earlier and earlier; and
// each pause that was not slept makes the next one likelier to be, so that what was once learned is seen to be true.
#pragma once

#include "base/scheduler.hpp"

#include <algorithm>
#include <optional>

namespace doed::io {

class WakeLatency {
public:
    /// Nobody is woken earlier than by this.
    static constexpr base::Duration usual_max = std::chrono::microseconds(100);

    [[nodiscard]] base::Duration usual() const noexcept {
        return std::min(usual_.value_or(base::Duration{}), usual_max);
    }

    /// A thread went on by `late` after the time that was asked for.
    void observe(base::Duration late) noexcept {
        const base::Duration seen = std::min(late, 2 * usual_max);
        usual_ = !usual_ || seen < *usual_ ? seen : *usual_ + (seen - *usual_) / share;
    }
    /// A pause was too short to sleep.
    void doubt() noexcept {
        if (usual_) {
            *usual_ -= *usual_ / (4 * share);
        }
    }

private:
    static constexpr int share = 16;

    std::optional<base::Duration> usual_;
};

}  // namespace doed::io
