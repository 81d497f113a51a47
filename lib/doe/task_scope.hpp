// SPDX-License-Identifier: Apache-2.0
//
// Tasks of one object on its scheduler: what was posted and not run yet, and every timer, is void once the object that
// holds the scope is gone.
#pragma once

#include "base/scheduler.hpp"

#include <memory>
#include <utility>

namespace doed::doe {

class TaskScope {
public:
    /// `scheduler` outlives the scope. Used on its strand only.
    explicit TaskScope(base::Scheduler& scheduler) noexcept : scheduler_(scheduler) {}

    [[nodiscard]] base::TimePoint now() const { return scheduler_.now(); }

    /// Runs `task` later, never inside this call.
    template <typename Task>
    void post(Task task) {
        scheduler_.post(alive(std::move(task)));
    }
    /// Runs `task` once at or after `when`.
    template <typename Task>
    [[nodiscard]] base::TimerId at(base::TimePoint when, Task task) {
        return scheduler_.at(when, alive(std::move(task)));
    }
    /// The timer does not run any more, and is 0.
    void cancel(base::TimerId& timer) { scheduler_.cancel(std::exchange(timer, 0)); }

private:
    template <typename Task>
    [[nodiscard]] auto alive(Task task) const {
        return [life = std::weak_ptr(life_), task = std::move(task)]() mutable {
            if (!life.expired()) {
                task();
            }
        };
    }

    base::Scheduler& scheduler_;
    std::shared_ptr<int> life_ = std::make_shared<int>(0);
};

}  // namespace doed::doe
