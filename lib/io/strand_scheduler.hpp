// SPDX-License-Identifier: Apache-2.0
//
// base::Scheduler on an Asio strand: tasks run one at a time on whatever threads run the underlying executor. Timers are
// Asio's, kept and set anew when they have run or were cancelled. Short ones are exact: the thread is woken earlier by what
// waking takes, and spends the rest, at most WakeLatency::usual_max, looking at the clock; one that expires meanwhile is later by
// that.
#pragma once

#include "base/scheduler.hpp"
#include "io/pulse.hpp"
#include "io/wake_latency.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>

#include <memory>
#include <vector>

namespace doed::io {

/// Destroyed on its own strand, or after the executor stopped running. Tasks still queued then do run; timers do not.
class StrandScheduler final : public base::Scheduler {
public:
    explicit StrandScheduler(const boost::asio::any_io_executor& executor);
    ~StrandScheduler() override;

    [[nodiscard]] base::TimePoint now() const override { return std::chrono::steady_clock::now(); }
    void post(base::Task task) override;
    base::TimerId at(base::TimePoint when, base::Task task) override;
    void cancel(base::TimerId timer) override;

    [[nodiscard]] const Pulse::Strand& strand() const noexcept { return pulse_->strand(); }
    /// Tells what the strand is at, and that the scheduler is still there.
    [[nodiscard]] const std::shared_ptr<Pulse>& pulse() const noexcept { return pulse_; }

private:
    struct Timer {
        explicit Timer(const Pulse::Strand& strand) : timer(strand) {}

        boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                          boost::asio::wait_traits<std::chrono::steady_clock>,
                                          Pulse::Strand>
            timer;
        base::TimerId id = 0;  ///< 0: to be used again
        base::TimePoint when{};
        base::TimePoint asked{};  ///< when the system is to wake a thread for it
        base::Task task;
    };

    [[nodiscard]] std::shared_ptr<Timer> find(base::TimerId id);
    void run(Timer& timer, bool woken);

    std::shared_ptr<Pulse> pulse_;
    std::vector<std::shared_ptr<Timer>> timers_;  ///< as many as ever ran at a time, which are few
    base::TimerId next_timer_ = 1;
    WakeLatency wake_latency_;
};

}  // namespace doed::io
