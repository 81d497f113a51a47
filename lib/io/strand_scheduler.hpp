// SPDX-License-Identifier: Apache-2.0
//
// base::Scheduler on an Asio strand: tasks run one at a time on whatever threads run the underlying executor, timers
// are steady_timer's.
#pragma once

#include "base/scheduler.hpp"
#include "io/pulse.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <unordered_map>

namespace doed::io {

/// Destroyed on its own strand, or after the executor stopped running. Tasks still queued then do run; timers do not.
class StrandScheduler final : public base::Scheduler {
public:
    explicit StrandScheduler(boost::asio::any_io_executor executor);
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
        boost::asio::steady_timer timer;
        base::Task task;
    };

    std::shared_ptr<Pulse> pulse_;
    std::unordered_map<base::TimerId, std::shared_ptr<Timer>> timers_;
    base::TimerId next_timer_ = 1;
};

}  // namespace doed::io
