// SPDX-License-Identifier: Apache-2.0
//
// Several strands on one virtual clock, run one task at a time in an order that a seed decides. Each strand keeps what
// base::Scheduler promises: what is posted to it runs in that order. Everything else is free, as in a pool of threads:
// whose turn it is, which of the timers due at the same time comes first, and whether a timer comes before or after what
// is posted. Time stands still while a task runs, unless it says how long it took.
#pragma once

#include "base/scheduler.hpp"
#include "support/sim_random.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace doed::test {

class SimStrands {
public:
    class Strand final : public base::Scheduler {
    public:
        explicit Strand(SimStrands& strands) noexcept : strands_(strands) {}

        [[nodiscard]] base::TimePoint now() const override { return strands_.now_; }
        void post(base::Task task) override { strands_.post(*this, std::move(task)); }
        base::TimerId at(base::TimePoint when, base::Task task) override {
            return strands_.add_timer(when, std::move(task));
        }
        void cancel(base::TimerId timer) override { strands_.cancel(timer); }

    private:
        friend class SimStrands;
        SimStrands& strands_;
        std::deque<base::Task> ready_;
    };

    /// When every clock begins.
    static constexpr base::TimePoint start{std::chrono::hours(1)};

    explicit SimStrands(std::uint64_t seed) noexcept : random_(seed) {}
    SimStrands(const SimStrands&) = delete;
    SimStrands& operator=(const SimStrands&) = delete;

    /// A strand, which lives as long as this does.
    [[nodiscard]] Strand& add() { return *strands_.emplace_back(std::make_unique<Strand>(*this)); }

    [[nodiscard]] base::TimePoint now() const noexcept { return now_; }
    /// The task that runs takes this long; everybody else waits.
    void hold_up(base::Duration time) noexcept {
        now_ += time;
        held_up_ += time;
        steps_in_this_instant_ = 0;
    }
    /// All the time that tasks took.
    [[nodiscard]] base::Duration held_up() const noexcept { return held_up_; }

    /// Runs one task; when there is none, lets the clock go on to the next timer. False when nothing is left.
    bool step() {
        drop_cancelled();
        const bool timer = !heap_.empty();
        if (ready_.empty()) {
            if (!timer) {
                return false;
            }
            go_on_to(heap_.front().when);
        }
        ++steps_in_this_instant_;
        const bool due = timer && heap_.front().when <= now_;
        const auto choices = static_cast<std::uint32_t>(ready_.size()) + (due ? 1 : 0);
        const std::uint32_t choice = choices == 1 ? 0 : random_.below(choices);
        if (due && (choice == ready_.size() || timer_passed_over_ == passed_over_max)) {
            timer_passed_over_ = 0;
            run_timer();
        } else {
            timer_passed_over_ += due ? 1 : 0;
            run_posted(choice);
        }
        return true;
    }

    /// Tasks run since the clock went on last. A number that keeps growing is a loop.
    [[nodiscard]] std::uint64_t steps_in_this_instant() const noexcept {
        return steps_in_this_instant_;
    }
    /// When the next task runs; the end of time when there is none.
    [[nodiscard]] base::TimePoint next_task() {
        drop_cancelled();
        return !ready_.empty() ? now_
               : heap_.empty() ? base::TimePoint::max()
                               : std::max(now_, heap_.front().when);
    }

private:
    // A timer that is due runs after this many other tasks at the latest.
    static constexpr unsigned passed_over_max = 8;

    struct Slot {
        base::Task task;
        std::uint32_t generation = 1;
    };
    struct HeapEntry {
        base::TimePoint when;
        std::uint64_t order;  ///< random: among timers of the same time
        std::uint32_t slot;
        std::uint32_t generation;
    };
    static bool later(const HeapEntry& a, const HeapEntry& b) noexcept {
        return std::pair(a.when, a.order) > std::pair(b.when, b.order);
    }

    void post(Strand& strand, base::Task task) {
        if (strand.ready_.empty()) {
            ready_.push_back(&strand);
        }
        strand.ready_.push_back(std::move(task));
    }

    base::TimerId add_timer(base::TimePoint when, base::Task task) {
        if (free_.empty()) {
            free_.push_back(static_cast<std::uint32_t>(slots_.size()));
            slots_.emplace_back();
        }
        const std::uint32_t index = free_.back();
        free_.pop_back();
        Slot& slot = slots_[index];
        slot.task = std::move(task);
        heap_.push_back({when, random_.next(), index, slot.generation});
        std::ranges::push_heap(heap_, later);
        return std::uint64_t{slot.generation} << 32 | (index + 1);
    }

    void cancel(base::TimerId timer) {
        const auto index = static_cast<std::uint32_t>(timer) - 1;
        if (timer == 0 || index >= slots_.size() ||
            slots_[index].generation != static_cast<std::uint32_t>(timer >> 32)) {
            return;
        }
        static_cast<void>(take(index));
    }

    base::Task take(std::uint32_t index) {
        Slot& slot = slots_[index];
        base::Task task = std::move(slot.task);
        slot.task = {};
        ++slot.generation;
        free_.push_back(index);
        return task;
    }

    void drop_cancelled() {
        while (!heap_.empty() &&
               slots_[heap_.front().slot].generation != heap_.front().generation) {
            std::ranges::pop_heap(heap_, later);
            heap_.pop_back();
        }
    }

    void go_on_to(base::TimePoint when) noexcept {
        if (when > now_) {
            now_ = when;
            steps_in_this_instant_ = 0;
        }
    }

    void run_timer() {
        const std::uint32_t index = heap_.front().slot;
        std::ranges::pop_heap(heap_, later);
        heap_.pop_back();
        base::Task task = take(index);
        task();
    }

    void run_posted(std::uint32_t choice) {
        const auto at = ready_.begin() + static_cast<std::ptrdiff_t>(choice % ready_.size());
        Strand& strand = **at;
        base::Task task = std::move(strand.ready_.front());
        strand.ready_.pop_front();
        if (strand.ready_.empty()) {
            ready_.erase(at);
        }
        task();
    }

    SimRandom random_;
    base::TimePoint now_ = start;
    base::Duration held_up_{};
    std::uint64_t steps_in_this_instant_ = 0;
    unsigned timer_passed_over_ = 0;
    std::vector<std::unique_ptr<Strand>> strands_;
    std::vector<Strand*> ready_;  ///< those with something posted
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::vector<HeapEntry> heap_;
};

}  // namespace doed::test
