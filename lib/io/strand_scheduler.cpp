// SPDX-License-Identifier: Apache-2.0
#include "io/strand_scheduler.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace doed::io {

namespace asio = boost::asio;

StrandScheduler::StrandScheduler(asio::any_io_executor executor) : strand_(executor) {}

StrandScheduler::~StrandScheduler() = default;

void StrandScheduler::post(base::Task task) {
    asio::post(strand_, std::move(task));
}

base::TimerId StrandScheduler::at(base::TimePoint when, base::Task task) {
    const base::TimerId id = next_timer_++;
    auto timer = std::make_shared<Timer>(Timer{asio::steady_timer(strand_), std::move(task)});
    timer->timer.expires_at(when);
    timers_.emplace(id, timer);
    // The handler finds the task through a weak pointer: a timer that was cancelled after it expired, but before its
    // handler ran, is gone by then and must not fire.
    timer->timer.async_wait(
        [this, id, weak = std::weak_ptr(timer)](const boost::system::error_code&) {
            if (const auto fired = weak.lock()) {
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
