// SPDX-License-Identifier: Apache-2.0
//
// The threads that touch hardware. A config access may block its thread for seconds, and each of several devices may do
// that at once: while mailboxes are in use the pool sees to it that a task never waits long for a thread. It posts a probe
// now and then, and when that is not run in time it starts another thread, up to a limit. Threads that were started stay.
// Idle, it does nothing at all. Any thread may call it.
#pragma once

#include "io/pulse.hpp"
#include "pci/config_space.hpp"

#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace doed::io {

class WorkerPool {
public:
    struct Options {
        unsigned threads = 4;       ///< to begin with
        unsigned threads_max = 64;  ///< at least `threads`
        /// How long a task may wait for a thread before there is another one.
        std::chrono::milliseconds patience{50};
        /// Between two probes.
        std::chrono::milliseconds pause{100};
    };

    explicit WorkerPool(const Options& options);
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;
    /// As join().
    ~WorkerPool();

    [[nodiscard]] boost::asio::thread_pool::executor_type get_executor() noexcept {
        return pool_.get_executor();
    }
    /// Waits until no task is left and every thread has ended. Not called on one of them.
    void join();

    /// Brackets of what may block; they may be nested and overlap.
    void begin_use();
    void end_use();

    [[nodiscard]] unsigned threads() const;
    /// Whether there are as many threads as there may be, or the system gives no more.
    [[nodiscard]] bool exhausted() const;

    /// A strand that runs on the pool.
    struct NamedStrand {
        std::string name;
        std::shared_ptr<Pulse> pulse;
    };
    /// Lists the strand until its pulse is dropped.
    void enlist(std::string name, const std::shared_ptr<Pulse>& pulse);
    [[nodiscard]] std::vector<NamedStrand> strands() const;

private:
    struct ListedStrand {
        std::string name;
        std::weak_ptr<Pulse> pulse;
    };
    using Lock = std::unique_lock<std::mutex>;

    void attend();
    void probe(Lock& lock);
    void add_thread();

    Options options_;
    boost::asio::thread_pool pool_;
    mutable std::mutex mutex_;
    std::condition_variable used_;     ///< nobody was using the pool, and now is; or it ends
    std::condition_variable changed_;  ///< a probe has run, or the pool ends
    std::uint64_t users_ = 0;
    bool probe_ran_ = false;
    bool ending_ = false;
    bool no_room_ = false;  ///< the system has refused another thread
    std::vector<ListedStrand> strands_;
    std::vector<std::thread> added_;
    std::thread attendant_;
};

/// The same config space, whose use the pool is told of. `pool` outlives it.
[[nodiscard]] std::unique_ptr<pci::ConfigSpace> attended(WorkerPool& pool,
                                                         std::unique_ptr<pci::ConfigSpace> config);

}  // namespace doed::io
