// SPDX-License-Identifier: Apache-2.0
#include "io/strand_scheduler.hpp"

#include <boost/asio/defer.hpp>

#include <algorithm>
#include <utility>

namespace doed::io {

namespace asio = boost::asio;

namespace {

// Longer pauses need not be exact: what waking takes is little beside them.
constexpr base::Duration exact_max = std::chrono::milliseconds(2);

}  // namespace

StrandScheduler::StrandScheduler(const asio::any_io_executor& executor)
    : pulse_(std::make_shared<Pulse>(Pulse::Strand(WorkerExecutor::on(executor)))) {}

StrandScheduler::~StrandScheduler() = default;

void StrandScheduler::post(base::Task task) {
    pulse_->post(std::move(task));
}

/// Null when there is none.
std::shared_ptr<StrandScheduler::Timer> StrandScheduler::find(base::TimerId id) {
    const auto found = std::ranges::find(timers_, id, [](const auto& timer) { return timer->id; });
    return found == timers_.end() ? nullptr : *found;
}

base::TimerId StrandScheduler::at(base::TimePoint when, base::Task task) {
    auto timer = find(0);
    if (!timer) {
        timer = timers_.emplace_back(std::make_shared<Timer>(strand()));
    }
    timer->id = next_timer_++;
    timer->task = std::move(task);
    timer->when = when;
    // The handler looks whether its timer is still its own: one that was cancelled after it expired, but before its handler
    // ran, has another number by then, or is gone with the scheduler, and must not fire.
    const auto handler = [this, &timer](bool woken) {
        return [this, woken, id = timer->id,
                weak = std::weak_ptr(timer)](const boost::system::error_code& = {}) {
            const auto fired = weak.lock();
            if (fired && fired->id == id) {
                run(*fired, woken);
            }
        };
    };
    const base::TimePoint set_at = now();
    const bool exact = when - set_at < exact_max;
    timer->asked = when - (exact ? wake_latency_.usual() : base::Duration{});
    if (timer->asked <= set_at) {
        if (when > set_at) {
            wake_latency_.doubt();
        }
        asio::defer(strand(), handler(false));
    } else {
        timer->timer.expires_at(timer->asked);
        timer->timer.async_wait(handler(exact));
    }
    return timer->id;
}

/// `woken`: by the system, for a timer that is to be exact.
void StrandScheduler::run(Timer& timer, bool woken) {
    if (woken) {
        wake_latency_.observe(now() - timer.asked);
    }
    while (now() < timer.when) {
        // Less than it takes to sleep.
    }
    const auto pulse = pulse_;  // the task may drop the scheduler
    const auto mark = pulse->mark_task();
    auto running = std::exchange(timer.task, nullptr);
    timer.id = 0;
    running();
}

void StrandScheduler::cancel(base::TimerId timer) {
    if (const auto found = timer == 0 ? nullptr : find(timer)) {
        found->id = 0;
        found->timer.cancel();
        found->task = nullptr;
    }
}

}  // namespace doed::io
