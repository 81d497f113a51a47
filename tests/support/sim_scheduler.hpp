// SPDX-License-Identifier: Apache-2.0
//
// base::Scheduler with a virtual clock: time stands still while tasks run and jumps to the next timer when none is left.
#pragma once

#include "base/scheduler.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

namespace doed::test {

class SimScheduler final : public base::Scheduler {
public:
    [[nodiscard]] base::TimePoint now() const override {
        ++clock_reads_;
        return now_;
    }
    void post(base::Task task) override { ready_.push_back(std::move(task)); }
    base::TimerId at(base::TimePoint when, base::Task task) override {
        const base::TimerId id = next_timer_++;
        timers_.emplace(std::pair(when, id), std::move(task));
        return id;
    }
    void cancel(base::TimerId timer) override {
        std::erase_if(timers_, [timer](const auto& entry) { return entry.first.second == timer; });
    }

    /// As now(), for devices: not counted.
    [[nodiscard]] base::TimePoint device_time() const noexcept { return now_; }
    /// How often now() was asked.
    [[nodiscard]] std::uint64_t clock_reads() const noexcept { return clock_reads_; }

    /// Lets time pass, as while a slow access is made.
    void advance(base::Duration by) { now_ += by; }

    /// Runs one task, or jumps to the next timer and runs its task. False when nothing is left.
    bool step() {
        if (!ready_.empty()) {
            base::Task task = std::move(ready_.front());
            ready_.pop_front();
            task();
            return true;
        }
        if (timers_.empty()) {
            return false;
        }
        const auto first = timers_.begin();
        now_ = std::max(now_, first->first.first);
        base::Task task = std::move(first->second);
        timers_.erase(first);
        task();
        return true;
    }

    /// Runs until `done` holds or nothing is left to do. Returns whether it holds.
    template <typename Predicate>
    bool run_until(Predicate done) {
        while (!done()) {
            if (!step()) {
                return false;
            }
        }
        return true;
    }

    /// Runs everything that is due up to `when` and leaves the clock there.
    void run_to(base::TimePoint when) {
        while (!ready_.empty() || (!timers_.empty() && timers_.begin()->first.first <= when)) {
            step();
        }
        now_ = std::max(now_, when);
    }
    void run_for(base::Duration time) { run_to(now_ + time); }

    [[nodiscard]] bool idle() const noexcept { return ready_.empty() && timers_.empty(); }

private:
    base::TimePoint now_{std::chrono::hours(1)};
    mutable std::uint64_t clock_reads_ = 0;
    std::deque<base::Task> ready_;
    std::map<std::pair<base::TimePoint, base::TimerId>, base::Task> timers_;
    base::TimerId next_timer_ = 1;
};

}  // namespace doed::test
