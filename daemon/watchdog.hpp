// SPDX-License-Identifier: Apache-2.0
//
// Tells the service manager that all is well (sd_watchdog_enabled(3)), only while it is: four times in the interval it
// looks whether what it asked for the last time has been done by everything that has to make progress: the pump of the bus,
// the strand of every mailbox, the timers of the workers. Its own timer stands for those of the bus loop. Whatever is stuck
// in this process's own code is named in the log, and the service manager ends the process; what a device, the kernel behind
// it or the bus holds up is named too, and is no reason to: no new process could do better
// (docs/decisions/0022-watchdog.md). Bus loop only.
#pragma once

#include "base/scheduler.hpp"
#include "daemon/bus/ping.hpp"
#include "daemon/log.hpp"
#include "io/worker_pool.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace doed::daemon {

class Watchdog {
public:
    struct Setup {
        std::chrono::microseconds interval;  ///< in which it must be fed
        std::function<void()> feed;
        /// As bus::Ping::send.
        std::function<void(std::chrono::microseconds patience, bus::Ping::Heard heard)> ping;
    };

    /// What the service manager wants of this process; nothing when it does not watch.
    [[nodiscard]] static std::optional<std::chrono::microseconds> wanted_interval();

    Watchdog(boost::asio::io_context& loop, io::WorkerPool& workers, const Log& log, Setup setup);
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog() = default;

    /// Looks from now on.
    void start();
    /// The service ends, which has a time limit of its own: from now on the timer alone is proof. Nothing is left on the
    /// workers that would keep them from ending.
    void stopping();

    /// What the timer does: looks, feeds if all is well, and asks anew.
    void look(base::TimePoint now);
    /// Whether everything has been done that the last look asked for.
    [[nodiscard]] bool has_answers() const;

private:
    /// Something that was asked for; done by any thread.
    using Request = std::shared_ptr<std::atomic<bool>>;

    struct Strand {
        std::string name;
        Request request;
        io::Pulse::Reading asked;  ///< when it was
        std::uint64_t seen_accesses = 0;
        base::TimePoint seen_at;  ///< the first look at that number of accesses
        bool is_held = false;     ///< told
        bool is_stuck = false;    ///< told
    };
    enum class Progress : std::uint8_t { made, held, waiting, none };

    [[nodiscard]] bool bus_is_well();
    [[nodiscard]] bool strands_are_well(base::TimePoint now);
    [[nodiscard]] static Progress progress(Strand& strand, const io::Pulse::Reading& reading,
                                           base::TimePoint now);
    void tell_held(Strand& strand, bool is_held, base::TimePoint now);
    void tell_stuck(bool& told, bool is_stuck, const std::string& what) const;
    void ask(base::TimePoint now);
    void ask_strands(base::TimePoint now, const std::shared_ptr<void>& use);
    void arm(base::TimePoint now, base::Duration pause);
    void come_round();

    io::WorkerPool& workers_;
    const Log& log_;
    Setup setup_;
    std::chrono::microseconds pause_;  ///< between two looks
    boost::asio::steady_timer timer_;
    /// Rings on a worker when the loop does not come to put it off.
    boost::asio::steady_timer alarm_;
    std::shared_ptr<std::atomic<std::uint64_t>> looks_ =
        std::make_shared<std::atomic<std::uint64_t>>(0);
    boost::asio::steady_timer worker_timer_;
    Request worker_timer_request_;
    bool is_late_ = false;  ///< the loop did not come to the last look in time
    std::optional<bus::Pong> pong_;
    bool ping_sent_ = false;
    std::map<std::weak_ptr<io::Pulse>, Strand, std::owner_less<>> strands_;

    // Told, until it is over.
    bool bus_is_silent_ = false;
    bool pump_is_stuck_ = false;
    bool workers_are_stuck_ = false;
    bool workers_are_held_ = false;
    bool stopping_ = false;
};

}  // namespace doed::daemon
