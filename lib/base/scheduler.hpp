// SPDX-License-Identifier: Apache-2.0
//
// The seam through which the sans-I/O machines get time and execution. The real one is an Asio strand
// (io/strand_scheduler.hpp); tests use a seeded simulation with a virtual clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace doed::base {

using Duration = std::chrono::nanoseconds;
/// Monotonic time, CLOCK_MONOTONIC in production.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

using Task = std::move_only_function<void()>;
/// Names a pending timer; 0 is never a timer.
using TimerId = std::uint64_t;

/// Runs tasks one at a time, in the order they were posted. All calls come from inside its own tasks, except post(),
/// which may come from any thread.
class Scheduler {
public:
    Scheduler() = default;
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;
    virtual ~Scheduler() = default;

    [[nodiscard]] virtual TimePoint now() const = 0;
    /// Runs `task` later, never inside this call.
    virtual void post(Task task) = 0;
    /// Runs `task` once at or after `when`, unless cancelled before.
    virtual TimerId at(TimePoint when, Task task) = 0;
    /// After it returns the task does not run. Unknown and finished timers are ignored.
    virtual void cancel(TimerId timer) = 0;
};

}  // namespace doed::base
