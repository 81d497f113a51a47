// SPDX-License-Identifier: Apache-2.0
//
// How much later than asked for the system wakes a thread: some microseconds, and several tens of them in virtual machines
// whose processors have to be started again. What it mostly takes is asked for earlier; what is shorter than that is not
// worth sleeping for. Followed down at once and up slowly, so that a machine with much to do is not asked earlier and earlier.
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

private:
    static constexpr int share = 16;

    std::optional<base::Duration> usual_;
};

}  // namespace doed::io
