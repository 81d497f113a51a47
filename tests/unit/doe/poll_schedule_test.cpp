// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_schedule.hpp"

#include <random>

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

using namespace std::chrono_literals;

constexpr base::TimePoint start{1h};
constexpr PollLimits limits;

/// How late a response that is ready `ready` after GO is seen, and by how many looks. The schedule learns of it.
struct Outcome {
    base::Duration lateness;
    int looks = 0;
};

Outcome follow(PollSchedule& schedule, base::Duration ready, base::Duration floor = limits.floor) {
    base::TimePoint now = start;
    Outcome outcome;
    const bool at_once = schedule.looks_at_once(floor);
    outcome.looks = at_once ? 1 : 0;
    while (!(at_once && outcome.looks == 1 && ready <= 0s) &&
           (now < start + ready || outcome.looks == 0)) {
        now = schedule.next(start, now, floor);
        ++outcome.looks;
    }
    outcome.lateness = now - (start + ready);
    schedule.observe(now - start, !at_once && outcome.looks == 1);
    return outcome;
}

base::Duration tolerable(base::Duration ready) {
    return std::max<base::Duration>(limits.floor, ready / 10);
}

class APollSchedule : public testing::TestWithParam<base::Duration> {};

TEST_P(APollSchedule, SeesAnUnknownDevicesResponseAtMostATenthLate) {
    PollSchedule schedule{limits.cap};
    EXPECT_TRUE(schedule.looks_at_once(limits.floor));
    EXPECT_LE(follow(schedule, GetParam()).lateness, tolerable(GetParam()));
}

TEST_P(APollSchedule, SeesAKnownDevicesResponseAtMostATwentiethLateWithFourLooks) {
    PollSchedule schedule{limits.cap};
    for (int i = 0; i < 10; ++i) {
        follow(schedule, GetParam());
    }
    const auto [lateness, looks] = follow(schedule, GetParam());
    EXPECT_LE(lateness, std::max<base::Duration>(limits.floor, GetParam() / 20));
    EXPECT_LE(looks, 4);
}

TEST_P(APollSchedule, SeesJitterSeldomMoreThanATenthLate) {
    PollSchedule schedule{limits.cap};
    std::mt19937_64 random(1);
    std::uniform_int_distribution<std::int64_t> time(GetParam().count() / 2,
                                                     GetParam().count() * 3 / 2);
    int looks = 0;
    int late = 0;
    for (int i = 0; i < 1000; ++i) {
        const base::Duration ready{time(random)};
        const Outcome outcome = follow(schedule, ready);
        EXPECT_LE(outcome.lateness, std::max<base::Duration>(100us, ready / 2)) << i;
        late += outcome.lateness > tolerable(ready) ? 1 : 0;
        looks += outcome.looks;
    }
    EXPECT_LE(late, 20);
    EXPECT_LE(looks, 1000 * 15);
}

TEST_P(APollSchedule, SeesEitherOfTwoUsualTimesAtMostATenthLate) {
    PollSchedule schedule{limits.cap};
    std::mt19937_64 random(1);
    for (int i = 0; i < 100; ++i) {
        const base::Duration ready = random() % 2 == 0 ? GetParam() : 10 * GetParam();
        const base::Duration lateness = follow(schedule, ready).lateness;
        EXPECT_LE(lateness, i == 0 ? 10 * GetParam() : tolerable(ready)) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(ResponseTimes, APollSchedule,
                         testing::Values(50us, 200us, 1ms, 5ms, 20ms, 39ms),
                         [](const auto& test) { return std::to_string(test.param / 1us) + "us"; });

TEST(PollScheduleLimits, NoPauseIsLongerThanTheCap) {
    PollSchedule schedule{limits.cap};
    EXPECT_LE(follow(schedule, 900ms).lateness, 4ms);
    EXPECT_EQ(PollSchedule(4ms).next(start, start + 500ms, limits.floor), start + 504ms);
}

TEST(PollScheduleLimits, NoPauseIsShorterThanTheFloor) {
    const PollSchedule schedule{4ms};
    EXPECT_EQ(schedule.next(start, start, 10ms), start + 10ms);
    EXPECT_EQ(schedule.next(start, start + 500ms, 10ms), start + 510ms);
}

TEST(PollScheduleLearning, ASlowDeviceIsLeftAloneWhileItWorks) {
    PollSchedule schedule{limits.cap};
    EXPECT_GT(follow(schedule, 20ms).looks, 20);
    EXPECT_FALSE(schedule.looks_at_once(limits.floor));
    EXPECT_GE(schedule.next(start, start, limits.floor), start + 18ms);
}

TEST(PollScheduleLearning, ADeviceThatAnswersAtOnceIsLookedAtAtOnce) {
    PollSchedule schedule{limits.cap};
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(follow(schedule, 0s).looks, 1) << i;
    }
}

TEST(PollScheduleLearning, ADeviceThatBecomesSlowerIsFollowed) {
    PollSchedule schedule{limits.cap};
    follow(schedule, 1ms);
    for (int i = 0; i < 16; ++i) {
        follow(schedule, 9ms);
    }
    EXPECT_LE(follow(schedule, 9ms).looks, 4);
}

TEST(PollScheduleLearning, ADeviceThatBecomesFasterIsFollowedByHalves) {
    PollSchedule schedule{limits.cap};
    for (int i = 0; i < 16; ++i) {
        follow(schedule, 16ms);
    }
    int late = 0;
    while (follow(schedule, 500us).lateness > 100us) {
        ++late;
    }
    EXPECT_LE(late, 6);
}

}  // namespace
}  // namespace doed::doe
