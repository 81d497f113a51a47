// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_floor.hpp"

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

using namespace std::chrono_literals;

/// A device that fails when it is looked at more often than every `pace`: how often it failed in `exchanges`.
int failures_of(PollFloor& floor, base::Duration pace, int exchanges) {
    int failures = 0;
    for (int i = 0; i < exchanges; ++i) {
        if (floor.value() < pace) {
            floor.failed();
            ++failures;
        } else {
            floor.succeeded();
        }
    }
    return failures;
}

TEST(APollFloor, IsTheConfiguredOneToBeginWith) {
    const PollFloor floor{50us};
    EXPECT_EQ(floor.value(), 50us);
    EXPECT_FALSE(floor.raised());
}

TEST(APollFloor, RisesUntilADeviceStopsFailing) {
    PollFloor floor{50us};
    EXPECT_EQ(failures_of(floor, 1ms, 20), 2);
    EXPECT_EQ(floor.value(), 3200us);
    EXPECT_TRUE(floor.raised());
}

TEST(APollFloor, TriesShorterPausesMoreAndMoreSeldom) {
    PollFloor floor{50us};
    // 2 to learn it, and one for each trial: after 64, 128, 256 and 512 responses.
    EXPECT_EQ(failures_of(floor, 1ms, 1000), 2 + 4);
    EXPECT_EQ(floor.value(), 3200us);
}

TEST(APollFloor, ComesDownAgainWhenTheFailureWasAnotherOne) {
    PollFloor floor{50us};
    floor.failed();
    EXPECT_EQ(floor.value(), 400us);
    EXPECT_EQ(failures_of(floor, 0us, 64), 0);
    EXPECT_EQ(floor.value(), 50us);
    EXPECT_FALSE(floor.raised());
}

TEST(APollFloor, IsNotRaisedForADeviceThatFailsAtEveryPace) {
    PollFloor floor{50us};
    for (int i = 0; i < 5; ++i) {
        floor.failed();
    }
    EXPECT_EQ(floor.value(), 50us);
    for (int i = 0; i < 100; ++i) {
        floor.failed();
        EXPECT_EQ(floor.value(), 50us);
    }
    EXPECT_EQ(failures_of(floor, 0us, 64), 0);
    floor.failed();
    EXPECT_EQ(floor.value(), 400us) << "after many responses a failure is a new question";
}

TEST(APollFloor, NeverLeavesADeviceAloneForLongerThanAQuarterOfASecond) {
    PollFloor floor{50us};
    base::Duration highest{};
    for (int i = 0; i < 10; ++i) {
        floor.failed();
        highest = std::max(highest, floor.value());
    }
    EXPECT_EQ(highest, 204'800us);
    PollFloor slow{1s};
    slow.failed();
    EXPECT_EQ(slow.value(), 1s) << "as configured";
}

}  // namespace
}  // namespace doed::doe
