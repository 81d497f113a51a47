// SPDX-License-Identifier: Apache-2.0
#include "daemon/watchdog.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

namespace {

// One look may come late, or find a strand between two slow accesses, without an end.
constexpr int looks_per_interval = 4;
constexpr std::chrono::microseconds shortest_pause{1000};
// A strand gives way after 256 (doe::ExchangeDriver), and what was posted before has its turn first. One that makes
// many more without coming to what was asked for goes round in circles.
constexpr std::uint64_t most_accesses = 4096;

std::string seconds(base::Duration time) {
    return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

}  // namespace

std::optional<std::chrono::microseconds> Watchdog::wanted_interval() {
    std::uint64_t interval_usec = 0;
    if (::sd_watchdog_enabled(0, &interval_usec) <= 0) {
        return std::nullopt;
    }
    return std::chrono::microseconds(interval_usec);
}

Watchdog::Watchdog(boost::asio::io_context& loop, io::WorkerPool& workers, const Log& log,
                   Setup setup)
    : workers_(workers),
      log_(log),
      setup_(std::move(setup)),
      pause_(std::max(setup_.interval / looks_per_interval, shortest_pause)),
      timer_(loop),
      alarm_(workers.get_executor()),
      worker_timer_(workers.get_executor()) {}

void Watchdog::start() {
    const auto now = std::chrono::steady_clock::now();
    ask(now);
    arm(now, pause_);
}

void Watchdog::stopping() {
    stopping_ = true;
    alarm_.cancel();
    worker_timer_.cancel();
}

/// After the loop was held up everything else on it is late as well, and has its turn before it is judged.
void Watchdog::come_round() {
    const auto now = std::chrono::steady_clock::now();
    const base::Duration late = now - timer_.expiry();
    if (late >= pause_ && !stopping_) {
        log_.warning("the bus loop was held up for " + seconds(late));
    }
    is_late_ = !is_late_ && late > pause_ / 2;
    if (is_late_) {
        arm(now, pause_ / 4);
        return;
    }
    look(now);
    arm(now, pause_);
}

void Watchdog::arm(base::TimePoint now, base::Duration pause) {
    timer_.expires_at(now + pause);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) {
            come_round();
        }
    });
    if (stopping_) {
        return;
    }
    const std::uint64_t look = ++*looks_;
    alarm_.expires_at(now + 2 * pause_);
    alarm_.async_wait([&log = log_, looks = looks_, look,
                       late = 2 * pause_](const boost::system::error_code& error) {
        if (!error && *looks == look) {
            log.error(
                fmt::format("watchdog: the bus loop is stuck, for {} now; doed will be "
                            "restarted unless it goes on",
                            seconds(late)));
        }
    });
}

void Watchdog::look(base::TimePoint now) {
    if (stopping_) {
        setup_.feed();
        return;
    }
    const bool bus_is_well = this->bus_is_well();
    const bool strands_are_well = this->strands_are_well(now);
    if (bus_is_well && strands_are_well) {
        setup_.feed();
    }
    ask(now);
}

// --- What has come of it -----------------------------------------------------------------------------

bool Watchdog::bus_is_well() {
    const bool is_stuck = ping_sent_ && pong_.value_or(bus::Pong::unread) == bus::Pong::unread;
    tell_stuck(pump_is_stuck_, is_stuck, "the pump of the bus");
    if (pong_ == bus::Pong::silent && !std::exchange(bus_is_silent_, true)) {
        log_.warning("the bus does not answer");
    } else if (pong_ == bus::Pong::answered && std::exchange(bus_is_silent_, false)) {
        log_.info("the bus answers again");
    }
    return !is_stuck;
}

bool Watchdog::strands_are_well(base::TimePoint now) {
    bool all_well = true;
    bool any_waits = worker_timer_request_ && !*worker_timer_request_;
    std::erase_if(strands_, [](const auto& entry) { return entry.first.expired(); });
    for (auto& [weak, strand] : strands_) {
        const auto pulse = weak.lock();
        const auto made = pulse ? progress(strand, pulse->read(), now) : Progress::made;
        tell_held(strand, made == Progress::held, now);
        tell_stuck(strand.is_stuck, made == Progress::none, strand.name);
        all_well = all_well && made != Progress::none;
        any_waits = any_waits || made == Progress::waiting;
    }
    // Who waits for a worker is held up by whoever has them all. A strand among those was looked at above; what else blocks a
    // worker waits for the kernel. When there could be another worker, the pool has failed.
    const bool are_held = any_waits && workers_.exhausted();
    const bool are_stuck = any_waits && !are_held && all_well;
    tell_stuck(workers_are_stuck_, are_stuck, "the pool of workers");
    if (std::exchange(workers_are_held_, are_held) != are_held) {
        log_.warning(are_held ? fmt::format("devices hold up all {} workers", workers_.threads())
                              : std::string("devices hold up all workers no more"));
    }
    return all_well && !are_stuck;
}

Watchdog::Progress Watchdog::progress(Strand& strand, const io::Pulse::Reading& reading,
                                      base::TimePoint now) {
    const bool has_moved =
        std::exchange(strand.seen_accesses, reading.accesses) != reading.accesses;
    if (has_moved) {
        strand.seen_at = now;
    }
    if (*strand.request) {
        return Progress::made;
    }
    if ((reading.accesses - strand.asked.accesses) / 2 > most_accesses) {
        return Progress::none;
    }
    if (has_moved) {
        return Progress::made;  // a slow device, which is no fault of ours
    }
    if (reading.in_access()) {
        return Progress::held;
    }
    return reading.in_task() ? Progress::none : Progress::waiting;
}

void Watchdog::tell_held(Strand& strand, bool is_held, base::TimePoint now) {
    if (std::exchange(strand.is_held, is_held) == is_held) {
        return;
    }
    if (is_held) {
        log_.warning(fmt::format("{}: an access to the device has not returned for {}", strand.name,
                                 seconds(now - strand.seen_at)));
    } else {
        log_.info(strand.name + ": the access to the device has returned");
    }
}

void Watchdog::tell_stuck(bool& told, bool is_stuck, const std::string& what) const {
    if (std::exchange(told, is_stuck) == is_stuck) {
        return;
    }
    if (is_stuck) {
        log_.error(
            fmt::format("watchdog: {} is stuck; doed will be restarted unless it goes on", what));
    } else {
        log_.info(fmt::format("watchdog: {} goes on", what));
    }
}

bool Watchdog::has_answers() const {
    return (!ping_sent_ || pong_) && (!worker_timer_request_ || *worker_timer_request_) &&
           std::ranges::all_of(strands_,
                               [](const auto& entry) { return entry.second.request->load(); });
}

// --- What is asked for -------------------------------------------------------------------------------

/// Of each one thing at a time: nothing piles up behind what is stuck.
void Watchdog::ask(base::TimePoint now) {
    if (!ping_sent_ || pong_) {
        ping_sent_ = true;
        pong_.reset();
        setup_.ping(pause_ / 2, [this](bus::Pong pong) { pong_ = pong; });
    }
    // The pool sees to it that there are threads while it is in use.
    workers_.begin_use();
    const std::shared_ptr<void> use(nullptr, [&pool = workers_](void*) { pool.end_use(); });
    ask_strands(now, use);
    if (!worker_timer_request_ || *worker_timer_request_) {
        worker_timer_request_ = std::make_shared<std::atomic<bool>>(false);
        worker_timer_.expires_after({});
        worker_timer_.async_wait([request = worker_timer_request_,
                                  use](const boost::system::error_code&) { *request = true; });
    }
}

void Watchdog::ask_strands(base::TimePoint now, const std::shared_ptr<void>& use) {
    for (auto& [name, pulse] : workers_.strands()) {
        auto [entry, is_new] = strands_.try_emplace(pulse);
        Strand& strand = entry->second;
        if (is_new) {
            strand.name = name;
            strand.seen_accesses = pulse->read().accesses;
            strand.seen_at = now;
        } else if (!*strand.request) {
            continue;
        }
        strand.asked = pulse->read();
        strand.request = std::make_shared<std::atomic<bool>>(false);
        pulse->post([request = strand.request, use] { *request = true; });
    }
}

}  // namespace doed::daemon
