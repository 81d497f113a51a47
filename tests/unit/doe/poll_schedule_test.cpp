// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_schedule.hpp"

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

using namespace std::chrono_literals;

constexpr base::TimePoint start{1h};

/// How late the schedule sees a response that is ready `ready` after `start`, and with how many looks.
struct Outcome {
    base::Duration lateness;
    int looks = 0;
};

Outcome follow(const PollSchedule& schedule, base::Duration ready) {
    Outcome outcome;
    base::TimePoint now = start;
    while (now < start + ready) {
        now = schedule.next(start, now);
        ++outcome.looks;
    }
    outcome.lateness = now - (start + ready);
    return outcome;
}

TEST(APollSchedule, SeesAnUnknownDevicesResponseAtMostATenthLate) {
    const PollSchedule schedule{PollLimits{}};
    for (const auto ready : {50us, 200us, 1000us, 5000us, 20000us, 39000us}) {
        EXPECT_LE(follow(schedule, ready).lateness, std::max<base::Duration>(50us, ready / 10))
            << ready.count();
    }
}

TEST(APollSchedule, NeverPausesLongerThanTheCap) {
    const PollSchedule schedule{PollLimits{}};
    EXPECT_LE(follow(schedule, 900ms).lateness, 4ms);
    EXPECT_EQ(schedule.next(start, start + 500ms), start + 504ms);
}

TEST(APollSchedule, NeverPausesShorterThanTheFloor) {
    const PollSchedule schedule{PollLimits{.floor = 10ms, .cap = 4ms}};
    EXPECT_EQ(schedule.next(start, start), start + 10ms);
    EXPECT_EQ(schedule.next(start, start + 500ms), start + 510ms);
}

TEST(APollSchedule, SleepsThroughWhatADeviceTookBefore) {
    PollSchedule schedule{PollLimits{}};
    EXPECT_GT(follow(schedule, 20ms).looks, 20);
    for (int i = 0; i < 10; ++i) {
        schedule.observe(20ms);
    }
    EXPECT_LE(follow(schedule, 20ms).looks, 3);
    EXPECT_LE(follow(schedule, 20ms).lateness, 2ms);
}

TEST(APollSchedule, FollowsADeviceThatBecomesSlower) {
    PollSchedule schedule{PollLimits{}};
    schedule.observe(1ms);
    for (int i = 0; i < 40; ++i) {
        schedule.observe(9ms);
    }
    EXPECT_GT(*schedule.smoothed(), 8ms);
}

}  // namespace
}  // namespace doed::doe
