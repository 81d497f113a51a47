// SPDX-License-Identifier: Apache-2.0
#include "io/strand_scheduler.hpp"

#include <boost/asio/prefer.hpp>

#include <utility>

namespace doed::io {

namespace asio = boost::asio;

// What a strand has left to do after a task goes to the end of the queue, as a continuation: the thread goes on with what comes
// first there, and wakes another one only when there is more. Otherwise each turn of a long transfer would wake a thread.
StrandScheduler::StrandScheduler(asio::any_io_executor executor)
    : pulse_(std::make_shared<Pulse>(Pulse::Strand(
          asio::prefer(std::move(executor), asio::execution::relationship.continuation)))) {}

StrandScheduler::~StrandScheduler() = default;

void StrandScheduler::post(base::Task task) {
    pulse_->post(std::move(task));
}

base::TimerId StrandScheduler::at(base::TimePoint when, base::Task task) {
    const base::TimerId id = next_timer_++;
    auto timer = std::make_shared<Timer>(Timer{asio::steady_timer(strand()), std::move(task)});
    timer->timer.expires_at(when);
    timers_.emplace(id, timer);
    // The handler finds the task through a weak pointer: a timer that was cancelled after it expired, but before its
    // handler ran, is gone by then and must not fire.
    timer->timer.async_wait(
        [this, id, weak = std::weak_ptr(timer)](const boost::system::error_code&) {
            if (const auto fired = weak.lock()) {
                const auto pulse = pulse_;  // the task may drop the scheduler
                const auto mark = pulse->mark_task();
                timers_.erase(id);
                fired->task();
            }
        });
    return id;
}

void StrandScheduler::cancel(base::TimerId timer) {
    timers_.erase(timer);
}

}  // namespace doed::io
