// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_schedule.hpp"

#include <random>

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

using namespace std::chrono_literals;

constexpr base::TimePoint start{1h};
constexpr PollLimits limits;

struct Outcome {
    base::Duration lateness;
    int looks = 0;
};

/// A requester that is woken later than it asks for, by up to twice `wake`.
struct Requester {
    PollSchedule schedule{limits.cap};
    base::Duration wake{};
    std::mt19937_64 random{1};

    /// How late a response that is ready `ready` after GO is seen, and by how many looks. The schedule learns of it.
    Outcome follow(base::Duration ready, base::Duration floor = limits.floor) {
        base::TimePoint now = start;
        base::TimePoint planned = start;
        base::TimePoint before = start;
        Outcome outcome;
        const bool at_once = schedule.looks_at_once(floor);
        outcome.looks = at_once ? 1 : 0;
        while (!(at_once && outcome.looks == 1 && ready <= 0s) &&
               (now < start + ready || outcome.looks == 0)) {
            before = now;
            planned = schedule.next(start, now, floor);
            EXPECT_GE(planned, now + floor);
            now = planned + late();
            ++outcome.looks;
        }
        outcome.lateness = now - (start + ready);
        const base::TimePoint seen = std::max(planned, now - 50us);
        schedule.observe(seen - start, std::min(seen, before) - start, floor);
        return outcome;
    }

    base::Duration late() {
        return base::Duration{
            std::uniform_int_distribution<std::int64_t>(0, 2 * wake.count())(random)};
    }
};

base::Duration tolerable(base::Duration ready) {
    return std::max<base::Duration>(limits.floor, ready / 10);
}

class APollSchedule : public testing::TestWithParam<base::Duration> {
protected:
    Requester requester_;
    std::mt19937_64 random_{2};
};

TEST_P(APollSchedule, SeesAnUnknownDevicesResponseAtMostATenthLate) {
    EXPECT_TRUE(requester_.schedule.looks_at_once(limits.floor));
    EXPECT_LE(requester_.follow(GetParam()).lateness, tolerable(GetParam()));
}

TEST_P(APollSchedule, SeesAKnownDevicesResponseAtMostATwelfthLateMostlyWithOneLook) {
    for (int i = 0; i < 10; ++i) {
        requester_.follow(GetParam());
    }
    int looks = 0;
    for (int i = 0; i < 100; ++i) {
        const Outcome outcome = requester_.follow(GetParam());
        EXPECT_LE(outcome.lateness, std::max<base::Duration>(limits.floor, GetParam() / 12)) << i;
        looks += outcome.looks;
    }
    EXPECT_LE(looks, GetParam() > 50us ? 140 : 210);
}

TEST_P(APollSchedule, SeesItNoLaterForARequesterThatIsWokenLate) {
    requester_.wake = 40us;
    for (int i = 0; i < 20; ++i) {
        requester_.follow(GetParam());
    }
    int looks = 0;
    base::Duration late{};
    for (int i = 0; i < 1000; ++i) {
        const Outcome outcome = requester_.follow(GetParam());
        EXPECT_LE(outcome.lateness, std::max<base::Duration>(limits.floor, GetParam() / 12) + 80us)
            << i;
        looks += outcome.looks;
        late += outcome.lateness;
    }
    EXPECT_LE(late / 1000, std::max<base::Duration>(75us, GetParam() / 20));
    EXPECT_LE(looks, 2500);
}

TEST_P(APollSchedule, SeesJitterSeldomMoreThanATenthLate) {
    std::uniform_int_distribution<std::int64_t> time(GetParam().count() / 2,
                                                     GetParam().count() * 3 / 2);
    int looks = 0;
    int late = 0;
    for (int i = 0; i < 1000; ++i) {
        const base::Duration ready{time(random_)};
        const Outcome outcome = requester_.follow(ready);
        // The first few teach how much it varies.
        EXPECT_LE(outcome.lateness,
                  std::max<base::Duration>(100us, i < 20 ? GetParam() : ready / 2))
            << i;
        late += outcome.lateness > tolerable(ready) ? 1 : 0;
        looks += outcome.looks;
    }
    EXPECT_LE(late, 100);
    EXPECT_LE(looks, 1000 * 11);
}

TEST_P(APollSchedule, SeesEitherOfTwoUsualTimesAtMostATwelfthLateAndLooksSeldomBetweenThem) {
    int looks = 0;
    for (int i = 0; i < 1000; ++i) {
        const base::Duration ready = random_() % 2 == 0 ? GetParam() : 10 * GetParam();
        const Outcome outcome = requester_.follow(ready);
        if (i >= 20) {
            EXPECT_LE(outcome.lateness, std::max<base::Duration>(limits.floor, ready / 12)) << i;
        }
        looks += outcome.looks;
    }
    EXPECT_LE(looks, 1000 * 10);
}

INSTANTIATE_TEST_SUITE_P(ResponseTimes, APollSchedule,
                         testing::Values(50us, 200us, 1ms, 5ms, 20ms, 39ms),
                         [](const auto& test) { return std::to_string(test.param / 1us) + "us"; });

TEST(PollScheduleLimits, NoPauseIsLongerThanTheCapWhereNothingIsKnown) {
    EXPECT_LE(Requester().follow(900ms).lateness, 4ms);
    EXPECT_EQ(PollSchedule(4ms).next(start, start + 500ms, limits.floor), start + 504ms);
}

TEST(PollScheduleLimits, NoPauseIsShorterThanTheFloor) {
    const PollSchedule schedule{4ms};
    EXPECT_EQ(schedule.next(start, start, 10ms), start + 10ms);
    EXPECT_EQ(schedule.next(start, start + 500ms, 10ms), start + 510ms);
}

TEST(PollScheduleLearning, ASlowDeviceIsLeftAloneWhileItWorks) {
    Requester requester;
    EXPECT_GT(requester.follow(20ms).looks, 20);
    EXPECT_FALSE(requester.schedule.looks_at_once(limits.floor));
    EXPECT_GE(requester.schedule.next(start, start, limits.floor), start + 19ms);
}

TEST(PollScheduleLearning, ADeviceThatAnswersAtOnceIsLookedAtAtOnce) {
    Requester requester;
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(requester.follow(0s).looks, 1) << i;
    }
}

TEST(PollScheduleLearning, ADeviceThatBecomesSlowerIsFollowedAndItsOldTimeForgottenInTheEnd) {
    Requester requester;
    requester.follow(1ms);
    for (int i = 0; i < 140; ++i) {
        const Outcome outcome = requester.follow(9ms);
        EXPECT_LE(outcome.lateness, 900us) << i;
        EXPECT_LE(outcome.looks, i == 0 ? 40 : 12) << i;
    }
    EXPECT_LE(requester.follow(9ms).looks, 2);
}

class ARareTime : public testing::TestWithParam<int> {};

TEST_P(ARareTime, IsRememberedAmongMany) {
    Requester requester;
    std::mt19937_64 random(7);
    int late = 0;
    int rare = 0;
    int looks = 0;
    for (int i = 0; i < 4000; ++i) {
        const bool fast = static_cast<int>(random() % 100) < GetParam();
        const base::Duration ready = fast ? 5ms : 50ms;
        const Outcome outcome = requester.follow(ready);
        looks += outcome.looks;
        if (fast && i >= 2000) {
            ++rare;
            late += outcome.lateness > tolerable(ready) ? 1 : 0;
        }
    }
    EXPECT_GT(rare, 50);
    EXPECT_LE(late, rare / 10);
    EXPECT_LE(looks, 4000 * 9);
}

INSTANTIATE_TEST_SUITE_P(SharesInPercent, ARareTime, testing::Values(6, 10, 25, 50, 90));

/// Looks for one response, in the mean, of a device whose times are within `share` of `ready`.
double looks_for(base::Duration ready, double share, base::Duration wake) {
    Requester requester;
    requester.wake = wake;
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> factor(1 - share, 1 + share);
    int looks = 0;
    constexpr int exchanges = 2000;
    for (int i = 0; i < exchanges; ++i) {
        const double time = static_cast<double>(ready.count()) * factor(random);
        looks += requester.follow(base::Duration{static_cast<std::int64_t>(time)}).looks;
    }
    return static_cast<double>(looks) / exchanges;
}

TEST(PollScheduleLearning, TakesAsManyLooksAsTheTimesVary) {
    EXPECT_LE(looks_for(20ms, 0, 15us), 1.5);
    EXPECT_LE(looks_for(100ms, 0.01, 0us), 2.5);
    EXPECT_LE(looks_for(20ms, 0.25, 15us), 5.3);
}

TEST(PollScheduleLearning, ADeviceThatRepeatsItselfIsLearnedWhateverItsPeriod) {
    std::mt19937_64 random(3);
    const std::vector<base::Duration> times{1ms, 3ms, 10ms, 20ms};
    for (std::size_t period = 1; period <= 8; ++period) {
        for (int sequence = 0; sequence < 20; ++sequence) {
            std::vector<base::Duration> ready(period);
            std::ranges::generate(ready, [&] { return times[random() % times.size()]; });
            Requester requester;
            int late = 0;
            for (std::size_t i = 0; i < 2500; ++i) {
                const base::Duration time = ready[i % period];
                late += requester.follow(time).lateness > tolerable(time) && i >= 2000 ? 1 : 0;
            }
            EXPECT_EQ(late, 0) << "period " << period << ", sequence " << sequence;
        }
    }
}

TEST(PollScheduleLearning, ADeviceThatIsToBeLeftAloneIsLookedAtHardlyMoreThanOnce) {
    for (const base::Duration floor : {400us, 3200us, 25'600us}) {
        Requester requester;
        int looks = 0;
        for (int i = 0; i < 200; ++i) {
            looks += requester.follow(3 * floor, floor).looks;
        }
        EXPECT_LE(looks, 280) << floor.count();
    }
}

TEST(PollScheduleLearning, AVerySlowDeviceIsLookedAtHardlyMoreThanOnce) {
    EXPECT_LE(looks_for(900ms, 0, 0us), 1.4);
}

TEST(PollScheduleLearning, ADeviceThatBecomesFasterIsFollowedByHalves) {
    Requester requester;
    for (int i = 0; i < 16; ++i) {
        requester.follow(16ms);
    }
    int late = 0;
    while (requester.follow(500us).lateness > 100us) {
        ++late;
    }
    EXPECT_LE(late, 12);
}

TEST(PollScheduleLearning, ATimeBetweenTwoUsualOnesIsSeenLaterByLessThanItselfAndThenIsOne) {
    for (base::Duration between = 1300us; between < 44ms; between += 111us) {
        Requester requester;
        for (int i = 0; i < 16; ++i) {
            requester.follow(i % 2 == 0 ? 1ms : 50ms);
        }
        EXPECT_LE(requester.follow(between).lateness, between) << between.count();
        for (int i = 0; i < 5; ++i) {
            requester.follow(between);
        }
        EXPECT_LE(requester.follow(between).lateness, tolerable(between)) << between.count();
    }
}

}  // namespace
}  // namespace doed::doe
