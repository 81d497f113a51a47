// SPDX-License-Identifier: Apache-2.0
#include "io/strand_scheduler.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

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
