// SPDX-License-Identifier: Apache-2.0
//
// What the strand of a mailbox is at, for whoever watches over it: whether a task of it runs, and whether that is inside an
// access to the device, where the kernel may keep it for as long as the hardware likes. Noted on the strand without a lock
// or a look at the clock; any thread reads it.
#pragma once

#include "base/scheduler.hpp"
#include "io/worker_executor.hpp"
#include "pci/config_space.hpp"

#include <boost/asio/strand.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace doed::io {

class Pulse : public std::enable_shared_from_this<Pulse> {
public:
    using Strand = boost::asio::strand<WorkerExecutor>;

    /// Begins and ends are counted alike: an odd count means that one is under way.
    struct Reading {
        std::uint64_t tasks = 0;
        std::uint64_t accesses = 0;

        [[nodiscard]] bool in_task() const noexcept { return tasks % 2 != 0; }
        [[nodiscard]] bool in_access() const noexcept { return accesses % 2 != 0; }
    };

    /// Marks a task or an access as long as it lives. Neither is nested in its like.
    class Mark {
    public:
        explicit Mark(std::atomic<std::uint64_t>& count) noexcept : count_(count) { step(); }
        Mark(const Mark&) = delete;
        Mark& operator=(const Mark&) = delete;
        ~Mark() { step(); }

    private:
        /// Only the strand writes: no locked instruction, of which each access to a device would have two.
        void step() noexcept {
            count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }

        std::atomic<std::uint64_t>& count_;
    };

    explicit Pulse(Strand strand) : strand_(std::move(strand)) {}

    [[nodiscard]] const Strand& strand() const noexcept { return strand_; }
    [[nodiscard]] Reading read() const noexcept {
        return {.tasks = tasks_.load(std::memory_order_relaxed),
                .accesses = accesses_.load(std::memory_order_relaxed)};
    }

    /// Runs `task` on the strand, as a task of it; never inside this call. Any thread.
    void post(base::Task task);

    // On the strand.
    [[nodiscard]] Mark mark_task() noexcept { return Mark(tasks_); }
    [[nodiscard]] Mark mark_access() noexcept { return Mark(accesses_); }

private:
    Strand strand_;
    std::atomic<std::uint64_t> tasks_ = 0;
    std::atomic<std::uint64_t> accesses_ = 0;
};

/// The same config space, with a mark on `pulse` around everything that the kernel may take its time for.
[[nodiscard]] std::unique_ptr<pci::ConfigSpace> marked(std::shared_ptr<Pulse> pulse,
                                                       std::unique_ptr<pci::ConfigSpace> config);

}  // namespace doed::io
