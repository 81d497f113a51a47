// SPDX-License-Identifier: Apache-2.0
#include "io/strand_scheduler.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace doed::io {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

TEST(AStrandScheduler, RunsPostedTasksInOrderAndNeverInsideTheCall) {
    asio::io_context context;
    StrandScheduler scheduler(context.get_executor());
    std::string order;
    scheduler.post([&] {
        scheduler.post([&] { order += 'c'; });
        order += 'a';
    });
    scheduler.post([&] { order += 'b'; });
    EXPECT_EQ(order, "");
    context.run();
    EXPECT_EQ(order, "abc");
}

TEST(AStrandScheduler, RunsTimersInTheOrderOfTheirTimesAndNotBefore) {
    asio::io_context context;
    StrandScheduler scheduler(context.get_executor());
    std::string order;
    const auto start = scheduler.now();
    scheduler.post([&] {
        EXPECT_NE(scheduler.at(start + 20ms,
                               [&] {
                                   EXPECT_GE(scheduler.now(), start + 20ms);
                                   order += 'b';
                               }),
                  0U);
        EXPECT_NE(scheduler.at(start + 5ms, [&] { order += 'a'; }), 0U);
    });
    context.run();
    EXPECT_EQ(order, "ab");
}

TEST(AStrandScheduler, DoesNotRunATimerThatWasCancelledAfterItExpired) {
    asio::io_context context;
    StrandScheduler scheduler(context.get_executor());
    base::TimerId second = 0;
    bool second_ran = false;
    scheduler.post([&] {
        const auto now = scheduler.now();
        // Both have expired when the first runs, which takes the other back.
        scheduler.at(now - 1ms, [&] { scheduler.cancel(second); });
        second = scheduler.at(now, [&] { second_ran = true; });
    });
    context.run();
    EXPECT_FALSE(second_ran);
}

TEST(AStrandScheduler, DoesNotTakeACancelledTimerForTheNextOne) {
    asio::io_context context;
    StrandScheduler scheduler(context.get_executor());
    const auto start = scheduler.now();
    base::TimerId expired = 0;
    int ran = 0;
    const auto next = [&] {
        EXPECT_GE(scheduler.now(), start + 20ms);
        ++ran;
    };
    scheduler.post([&] {
        // One has expired when it is cancelled, and one has not; each is followed by another.
        scheduler.at(start - 1ms, [&] {
            scheduler.cancel(expired);
            scheduler.at(start + 20ms, next);
            scheduler.cancel(scheduler.at(start + 10ms, [] { FAIL(); }));
            scheduler.at(start + 20ms, next);
        });
        expired = scheduler.at(start, [] { FAIL(); });
    });
    context.run();
    EXPECT_EQ(ran, 2);
}

/// Runs timers one after the other, each with the next of `pauses`, and counts those that ran too early.
class Chain {
public:
    explicit Chain(std::vector<base::Duration> pauses) : pauses_(std::move(pauses)) {
        scheduler_.post([this] { set(0); });
        context_.run();
    }

    std::size_t ran = 0;
    std::size_t early = 0;
    base::Duration least_late = 1h;

private:
    void set(std::size_t i) {
        if (i == pauses_.size()) {
            return;
        }
        const auto when = scheduler_.now() + pauses_[i];
        scheduler_.at(when, [this, i, when] {
            ++ran;
            const base::Duration late = scheduler_.now() - when;
            early += late < 0s ? 1U : 0U;
            least_late = std::min(least_late, late);
            set(i + 1);
        });
    }

    asio::io_context context_;
    StrandScheduler scheduler_{context_.get_executor()};
    std::vector<base::Duration> pauses_;
};

TEST(AStrandScheduler, RunsNoTimerEarlyHoweverMuchEarlierItIsWoken) {
    std::vector<base::Duration> pauses;
    for (int i = 0; i < 500; ++i) {
        pauses.push_back(std::chrono::microseconds(i * 7 % 300));
        pauses.push_back(1ms);
    }
    const Chain chain(pauses);
    EXPECT_EQ(chain.ran, pauses.size());
    EXPECT_EQ(chain.early, 0U);
}

TEST(AStrandScheduler, RunsShortTimersWithoutTheTimeThatWakingTakes) {
    const Chain chain(std::vector<base::Duration>(300, 1ms));
    // Waking takes longer on any machine; reading the clock does not.
    EXPECT_LT(chain.least_late, 10us);
}

/// How often this thread has given up its processor.
long switches() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

TEST(AStrandScheduler, AsksNowAndThenWhetherAPauseThatIsNotSleptStillIsTooShort) {
    const long before = switches();
    const Chain chain(std::vector<base::Duration>(2000, 60us));
    EXPECT_EQ(chain.early, 0U);
    // Where waking takes less, all are.
    EXPECT_GT(switches() - before, 10);
}

TEST(AStrandScheduler, CancelsTimersThatAreTooShortToSleep) {
    asio::io_context context;
    StrandScheduler scheduler(context.get_executor());
    bool ran = false;
    scheduler.post([&] {
        const base::TimerId timer = scheduler.at(scheduler.now(), [&] { ran = true; });
        scheduler.cancel(timer);
    });
    context.run();
    EXPECT_FALSE(ran);
}

TEST(AWakeLatency, IsWhatWakingTakesAtItsBest) {
    WakeLatency latency;
    EXPECT_EQ(latency.usual(), 0us);
    for (int i = 0; i < 100; ++i) {
        latency.observe(i % 4 == 0 ? 60us : 80us);
    }
    EXPECT_GE(latency.usual(), 60us);
    EXPECT_LE(latency.usual(), 64us);
    latency.observe(5us);
    EXPECT_EQ(latency.usual(), 5us) << "followed down at once";
}

TEST(AWakeLatency, IsDoubtedWhereNobodySleeps) {
    WakeLatency latency;
    latency.observe(50ms);
    int pauses = 0;
    while (latency.usual() > 50us) {
        latency.doubt();
        ++pauses;
    }
    EXPECT_LE(pauses, 100) << "one late wake does not keep pauses of 50 us from being slept";
}

TEST(AWakeLatency, OfAMachineWithMuchToDoIsNoMoreThanItsLimit) {
    WakeLatency latency;
    for (int i = 0; i < 1000; ++i) {
        latency.observe(50ms);
    }
    EXPECT_EQ(latency.usual(), WakeLatency::usual_max);
    latency.observe(20us);
    EXPECT_EQ(latency.usual(), 20us);
}

TEST(AStrandScheduler, IgnoresUnknownTimers) {
    asio::io_context context;
    StrandScheduler scheduler(context.get_executor());
    bool ran = false;
    scheduler.post([&] {
        scheduler.cancel(0);
        scheduler.cancel(12345);
        scheduler.at(scheduler.now(), [&] { ran = true; });
    });
    context.run();
    EXPECT_TRUE(ran);
}

TEST(AStrandScheduler, NeverRunsTwoTasksAtOnceOnManyThreads) {
    asio::thread_pool pool(4);
    StrandScheduler scheduler(pool.get_executor());
    std::atomic<int> inside = 0;
    std::atomic<bool> overlapped = false;
    std::promise<void> finished;
    int left = 2000;
    for (int i = 0; i < 2000; ++i) {
        scheduler.post([&] {
            if (inside.fetch_add(1) != 0) {
                overlapped = true;
            }
            inside.fetch_sub(1);
            if (--left == 0) {
                finished.set_value();
            }
        });
    }
    finished.get_future().wait();
    pool.join();
    EXPECT_FALSE(overlapped);
}

}  // namespace
}  // namespace doed::io
