// SPDX-License-Identifier: Apache-2.0
//
// Devices that fail from being looked at, that fail for another reason, and that change from one to the other: how many
// exchanges of theirs fail, and for how long they are left alone beyond what is configured.
#include "doe/poll_floor.hpp"

#include "support/sim_random.hpp"

#include <algorithm>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration configured = 50us;
// The longest pause that is learned, with this configured one.
constexpr base::Duration longest = 204'800us;

/// Whether an exchange is answered, which is looked at after each `pause`. `number`: of the exchange, from 0 on.
using Device = std::function<bool(base::Duration pause, int number)>;

Device sound() {
    return [](base::Duration, int) { return true; };
}

/// Fails when it is looked at more often than every `limit`.
Device failing_below(base::Duration limit) {
    return [limit](base::Duration pause, int) { return pause >= limit; };
}

/// Answers nothing in its first `silent` exchanges.
Device silent_for(int silent, Device then) {
    return [silent, then = std::move(then)](base::Duration pause, int number) {
        return number >= silent && then(pause, number - silent);
    };
}

/// Fails once in `n` exchanges, at random.
Device failing_once_in(std::uint32_t n, int seed) {
    return [n, random = test::SimRandom(static_cast<std::uint64_t>(seed))](
               base::Duration, int) mutable { return !random.one_in(n); };
}

struct Course {
    std::vector<int> failed;  ///< numbers of the exchanges
    int raised = 0;           ///< responses that were waited for with longer pauses than configured
    int last_raised = -1;     ///< number of the last exchange that was, failed ones included
    base::Duration longer_pauses{};  ///< by how much, of one pause for each response
    base::Duration longest_pause{};

    [[nodiscard]] std::size_t failures() const { return failed.size(); }
};

Course run(PollFloor& floor, const Device& device, int exchanges) {
    Course course;
    for (int i = 0; i < exchanges; ++i) {
        const base::Duration pause = floor.value();
        course.longest_pause = std::max(course.longest_pause, pause);
        course.last_raised = floor.raised() ? i : course.last_raised;
        if (!device(pause, i)) {
            course.failed.push_back(i);
            floor.failed();
            continue;
        }
        course.raised += floor.raised() ? 1 : 0;
        course.longer_pauses += pause - configured;
        floor.succeeded();
    }
    return course;
}

TEST(APollFloor, IsTheConfiguredOneToBeginWith) {
    const PollFloor floor{configured};
    EXPECT_EQ(floor.value(), configured);
    EXPECT_FALSE(floor.raised());
}

// --- Devices that fail from being looked at --------------------------------------------------------------------------------

struct LimitRow {
    base::Duration limit;
    base::Duration learned;
    std::size_t to_learn;  ///< failures
};

class APollFloorOfADeviceWithALimit : public testing::TestWithParam<LimitRow> {};

TEST_P(APollFloorOfADeviceWithALimit, IsLearnedByOneFailureForEachStep) {
    PollFloor floor{configured};
    EXPECT_EQ(run(floor, failing_below(GetParam().limit), 16).failures(), GetParam().to_learn);
    EXPECT_EQ(floor.value(), GetParam().learned);
}

TEST_P(APollFloorOfADeviceWithALimit, CostsAFailureEverMoreSeldom) {
    PollFloor floor{configured};
    const Course course = run(floor, failing_below(GetParam().limit), 30'000);
    std::vector<int> gaps;
    for (std::size_t i = GetParam().to_learn; i < course.failed.size(); ++i) {
        gaps.push_back(course.failed[i] - course.failed[i - 1] - 1);
    }
    EXPECT_EQ(gaps, (std::vector{16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096, 4096,
                                 4096, 4096}));
    EXPECT_EQ(floor.value(), GetParam().learned);
}

TEST_P(APollFloorOfADeviceWithALimit, IsFoundFromAboveWhenSilenceHasDrivenItThere) {
    PollFloor floor{configured};
    // Four failures: the longest pause.
    const Course course = run(floor, silent_for(4, failing_below(GetParam().limit)), 1000);
    EXPECT_EQ(floor.value(), GetParam().learned);
    // The configured one is tried, then each step down until one fails; that one is tried again like any other.
    EXPECT_LE(course.failures(), 4U + 1 + 6);
    EXPECT_LE(course.longer_pauses - 1000 * (GetParam().learned - configured), 48 * longest + 2s);
}

TEST_P(APollFloorOfADeviceWithALimit, IsLearnedWhereverSilenceHasLeftIt) {
    for (int silent = 1; silent <= 32; ++silent) {
        for (const int known : {0, 1000}) {
            PollFloor floor{configured};
            const Device device = failing_below(GetParam().limit);
            run(floor, device, known);
            const Course course = run(floor, silent_for(silent, device), silent + 1000);
            EXPECT_EQ(floor.value(), GetParam().learned) << silent << " after " << known;
            // At worst it has just been acquitted: 8 more until it is suspected again, and those to learn.
            EXPECT_LE(course.failures(), static_cast<std::size_t>(silent + 8 + 4 + 7))
                << silent << " after " << known;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Limits, APollFloorOfADeviceWithALimit,
                         testing::Values(LimitRow{100us, 400us, 1}, LimitRow{1ms, 3200us, 2},
                                         LimitRow{10ms, 25'600us, 3}, LimitRow{100ms, longest, 4}));

// --- Sound devices -------------------------------------------------------------------------------------------------------

/// How many responses a device has given before, and how often it is silent then.
class APollFloorOfASoundDevice : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(APollFloorOfASoundDevice, IsTheConfiguredOneSixteenResponsesAfterASilence) {
    const auto [known, silent] = GetParam();
    PollFloor floor{configured};
    EXPECT_EQ(run(floor, sound(), known).raised, 0);
    const Course course = run(floor, silent_for(silent, sound()), silent + 10'000);
    EXPECT_EQ(course.failures(), static_cast<std::size_t>(silent));
    EXPECT_LE(course.raised, 16);
    EXPECT_LT(course.last_raised, silent + 16);
    EXPECT_LE(course.longer_pauses, 16 * longest);
    EXPECT_EQ(floor.value(), configured);
}

INSTANTIATE_TEST_SUITE_P(Silences, APollFloorOfASoundDevice,
                         testing::Combine(testing::Values(0, 63, 64, 1000), testing::Range(1, 9)));

TEST(APollFloor, DoesNotHoldOneFailureAgainstAPaceThatADeviceHasStoodFor64Responses) {
    PollFloor floor{configured};
    run(floor, sound(), 63);
    floor.failed();
    EXPECT_TRUE(floor.raised()) << "one response too few";

    for (const int responses : {64, 1000}) {
        floor = PollFloor{configured};
        run(floor, sound(), responses);
        floor.failed();
        EXPECT_FALSE(floor.raised()) << responses;
        floor.failed();
        EXPECT_TRUE(floor.raised()) << "two in a row, after " << responses;
    }
}

TEST(APollFloor, DoesNotHoldOneFailureAgainstALearnedPaceThatHasComeBackFromATrial) {
    PollFloor floor{configured};
    // 16 + 32 + 64 responses, and the trial after the last has failed.
    EXPECT_EQ(run(floor, failing_below(1ms), 2 + 16 + 1 + 32 + 1 + 64 + 1).failures(), 2U + 3);
    floor.failed();
    EXPECT_EQ(floor.value(), 3200us);
    floor.failed();
    EXPECT_EQ(floor.value(), 25'600us);
}

TEST(APollFloor, HoldsFailuresAgainstAPaceThatComeMoreOftenThanEach64Responses) {
    PollFloor floor{configured};
    run(floor, sound(), 100'000);
    // What came before pays for four.
    for (int i = 0; i < 4; ++i) {
        floor.failed();
        EXPECT_FALSE(floor.raised());
        floor.succeeded();
    }
    floor.failed();
    EXPECT_TRUE(floor.raised());
}

TEST(APollFloor, IsSeldomRaisedForASoundDeviceThatFailsOnceInAHundredExchanges) {
    constexpr int exchanges = 10'000;
    constexpr int seeds = 200;
    int raised = 0;
    base::Duration longer_pauses{};
    for (int seed = 1; seed <= seeds; ++seed) {
        PollFloor floor{configured};
        const Course course = run(floor, failing_once_in(100, seed), exchanges);
        EXPECT_LE(course.raised, exchanges / 10) << "seed " << seed;
        raised += course.raised;
        longer_pauses += course.longer_pauses;
        const Course quiet = run(floor, sound(), 10'000);
        EXPECT_FALSE(floor.raised()) << "seed " << seed;
        EXPECT_LT(quiet.last_raised, 500) << "seed " << seed;
    }
    EXPECT_LE(raised, exchanges * seeds / 40);
    EXPECT_LE(longer_pauses / (exchanges * seeds), 100us) << "for each response";
}

TEST(APollFloor, IsTheConfiguredOneAgainWhenAFirmwareUpdateHasMadeADeviceSound) {
    for (const int exchanges : {20, 1000, 20'000}) {
        for (int silent = 0; silent <= 8; ++silent) {
            PollFloor floor{configured};
            run(floor, failing_below(1ms), exchanges);
            EXPECT_EQ(floor.value(), 3200us);
            const Course course = run(floor, silent_for(silent, sound()), silent + 10'000);
            EXPECT_EQ(course.failures(), static_cast<std::size_t>(silent));
            EXPECT_EQ(floor.value(), configured);
            // Without a silence that tells of it, after the next two trials.
            const int bound = silent < 2 ? std::min(2 * exchanges, 4096) + 32 + 16 : 16;
            EXPECT_LE(course.raised, bound) << silent << " after " << exchanges;
            EXPECT_LE(course.longer_pauses, std::max(bound * base::Duration(3200us), 16 * longest));
        }
    }
}

// --- Devices that fail at every pace ---------------------------------------------------------------------------------------

TEST(APollFloor, IsNotRaisedForADeviceThatFailsAtEveryPaceNowAndThen) {
    constexpr int exchanges = 10'000;
    constexpr int seeds = 100;
    int raised = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
        PollFloor floor{configured};
        raised += run(floor, failing_once_in(8, seed), exchanges).raised;
    }
    EXPECT_LE(raised, exchanges * seeds / 50);
}

TEST(APollFloor, IsTheConfiguredOneForMostOfASilenceAndIsRaisedAgainInCaseThatThisHelps) {
    PollFloor floor{configured};
    std::vector<base::Duration> values;
    for (int i = 0; i < 5 + 8 + 4; ++i) {
        values.push_back(floor.value());
        floor.failed();
    }
    const std::vector<base::Duration> steps{50us, 400us, 3200us, 25'600us, 204'800us};
    std::vector<base::Duration> expected = steps;
    expected.insert(expected.end(), 7, configured);
    expected.insert(expected.end(), steps.begin(), steps.end());
    EXPECT_EQ(values, expected);
}

TEST(APollFloor, NeverLeavesADeviceAloneForLongerThanAQuarterOfASecond) {
    PollFloor floor{configured};
    EXPECT_EQ(run(floor, silent_for(100, sound()), 100).longest_pause, longest);
    PollFloor slow{1s};
    EXPECT_EQ(run(slow, silent_for(100, sound()), 100).longest_pause, 1s) << "as configured";
}

}  // namespace
}  // namespace doed::doe
