// SPDX-License-Identifier: Apache-2.0
//
// What an emulated device needs of the world around it: the time, and a way to let some of it pass. Both come in from
// outside, so that the same devices run against the wall clock and against a simulation's virtual clock.
#pragma once

#include "base/scheduler.hpp"

#include <functional>

namespace doed::emulator {

struct Environment {
    /// The time now; never goes back. Called with the lock of a device held, from any thread.
    std::function<base::TimePoint()> now;
    /// Returns after that time has passed. Called like `now`.
    std::function<void(base::Duration)> pause;

    /// The monotonic clock of the system, and a pause that blocks the calling thread.
    [[nodiscard]] static Environment real();
};

}  // namespace doed::emulator
