// SPDX-License-Identifier: Apache-2.0
#include "emulator/faults/fault_injector.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class AFaultInjector : public testing::Test {
protected:
    FaultInjector make(const std::vector<FaultRule>& rules, std::uint64_t seed = 1) {
        return {FaultScript{.rules = rules, .seed = seed}, [this] { return now; }};
    }
    /// The numbers of those of the next `exchanges` exchanges that the kind strikes.
    static std::vector<int> struck(FaultInjector& faults, FaultKind kind, int exchanges) {
        std::vector<int> numbers;
        for (int number = 1; number <= exchanges; ++number) {
            if (faults.strike(kind)) {
                numbers.push_back(number);
            }
            faults.end_exchange();
        }
        return numbers;
    }

    base::TimePoint now = base::TimePoint(1h);
};

TEST_F(AFaultInjector, WithoutRulesNeverStrikes) {
    FaultInjector faults = make({});
    EXPECT_THAT(struck(faults, FaultKind::never_ready, 100), IsEmpty());
    EXPECT_EQ(faults.counts().total(), 0U);
}

TEST_F(AFaultInjector, StrikesAtTheExchangeItIsToldAndNoOther) {
    FaultInjector faults = make({FaultRule::at(FaultKind::never_ready, 3)});
    EXPECT_THAT(struck(faults, FaultKind::never_ready, 10), ElementsAre(3));
    EXPECT_EQ(faults.counts().of(FaultKind::never_ready), 1U);
}

TEST_F(AFaultInjector, StrikesAtTheExchangesThatFollowToo) {
    FaultInjector faults = make({FaultRule::at(FaultKind::never_ready, 3, 2)});
    EXPECT_THAT(struck(faults, FaultKind::never_ready, 10), ElementsAre(3, 4));
}

TEST_F(AFaultInjector, DoesNotMakeUpLaterForAPositionThatNobodyAskedAbout) {
    FaultInjector faults = make({FaultRule::at(FaultKind::never_ready, 1)});
    faults.end_exchange();
    EXPECT_THAT(struck(faults, FaultKind::never_ready, 10), IsEmpty());
}

TEST_F(AFaultInjector, StrikesOtherKindsNot) {
    FaultInjector faults = make({{.kind = FaultKind::never_ready}});
    EXPECT_THAT(struck(faults, FaultKind::error_at_go, 10), IsEmpty());
}

TEST_F(AFaultInjector, CountsExchangesAbortsAndAccessesApart) {
    FaultInjector faults =
        make({FaultRule::at(FaultKind::never_ready, 2), FaultRule::at(FaultKind::abort_fails, 1),
              FaultRule::at(FaultKind::access_fails, 1)});
    faults.begin_abort();
    EXPECT_TRUE(faults.strike(FaultKind::abort_fails));
    EXPECT_FALSE(faults.strike(FaultKind::never_ready));
    faults.begin_access();
    EXPECT_TRUE(faults.strike(FaultKind::access_fails));
    EXPECT_FALSE(faults.strike(FaultKind::never_ready));
    faults.end_exchange();
    EXPECT_TRUE(faults.strike(FaultKind::never_ready));
    EXPECT_EQ(faults.counts().total(), 3U);
}

TEST_F(AFaultInjector, StopsWhenItHasStruckOftenEnough) {
    FaultInjector faults = make({{.kind = FaultKind::never_ready, .count = 2}});
    EXPECT_THAT(struck(faults, FaultKind::never_ready, 10), ElementsAre(1, 2));
}

TEST_F(AFaultInjector, StrikesFromATimeOnUntilBeforeAnother) {
    FaultInjector faults = make({{.kind = FaultKind::never_ready, .from = 10ms, .until = 20ms}});
    EXPECT_FALSE(faults.strike(FaultKind::never_ready));
    now += 10ms - 1ns;
    EXPECT_FALSE(faults.strike(FaultKind::never_ready));
    now += 1ns;
    EXPECT_TRUE(faults.strike(FaultKind::never_ready));
    now += 10ms - 1ns;
    EXPECT_TRUE(faults.strike(FaultKind::never_ready));
    now += 1ns;
    EXPECT_FALSE(faults.strike(FaultKind::never_ready));
}

TEST_F(AFaultInjector, StrikesAtItsRate) {
    FaultInjector faults = make({{.kind = FaultKind::never_ready, .rate = 0.25}});
    const auto strikes = struck(faults, FaultKind::never_ready, 10'000).size();
    EXPECT_GT(strikes, 2300U);
    EXPECT_LT(strikes, 2700U);
    EXPECT_EQ(faults.counts().of(FaultKind::never_ready), strikes);
}

TEST_F(AFaultInjector, AtRateZeroNeverStrikes) {
    FaultInjector faults = make({{.kind = FaultKind::never_ready, .rate = 0}});
    EXPECT_THAT(struck(faults, FaultKind::never_ready, 1000), IsEmpty());
}

TEST_F(AFaultInjector, StrikesTheSameForTheSameSeed) {
    const std::vector<FaultRule> rules{{.kind = FaultKind::never_ready, .rate = 0.5}};
    FaultInjector one = make(rules, 7);
    FaultInjector same = make(rules, 7);
    FaultInjector other = make(rules, 8);
    const auto numbers = struck(one, FaultKind::never_ready, 100);
    EXPECT_EQ(struck(same, FaultKind::never_ready, 100), numbers);
    EXPECT_NE(struck(other, FaultKind::never_ready, 100), numbers);
}

// What a rule does must not depend on what is asked about others, or a script could not be cut down to what matters.
TEST_F(AFaultInjector, DrawsForEachRuleByItself) {
    const FaultRule rule{.kind = FaultKind::never_ready, .rate = 0.5};
    FaultInjector alone = make({rule});
    FaultInjector beside = make({rule, {.kind = FaultKind::error_at_go, .rate = 0.5}});
    std::vector<int> numbers;
    for (int number = 1; number <= 100; ++number) {
        static_cast<void>(beside.strike(FaultKind::error_at_go));
        if (beside.strike(FaultKind::never_ready)) {
            numbers.push_back(number);
        }
        beside.end_exchange();
    }
    EXPECT_EQ(numbers, struck(alone, FaultKind::never_ready, 100));
}

TEST_F(AFaultInjector, GivesTheParametersOfTheFirstRuleThatStrikes) {
    FaultRule early = FaultRule::at(FaultKind::late_ready, 2);
    early.time = 5ms;
    FaultInjector faults = make({early, {.kind = FaultKind::late_ready, .time = 7ms}});
    const auto first = faults.strike(FaultKind::late_ready);
    faults.end_exchange();
    const auto second = faults.strike(FaultKind::late_ready);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->time, 7ms);
    EXPECT_EQ(second->time, 5ms);
    EXPECT_EQ(faults.counts().of(FaultKind::late_ready), 2U);
}

TEST_F(AFaultInjector, CountsAPlannedFaultWhenItHappens) {
    FaultInjector faults = make({{.kind = FaultKind::error_in_read, .count = 1}});
    EXPECT_TRUE(faults.plan(FaultKind::error_in_read));
    const auto again = faults.plan(FaultKind::error_in_read);
    ASSERT_TRUE(again) << "the first did not happen";
    EXPECT_EQ(faults.counts().total(), 0U);
    faults.happened(*again);
    EXPECT_EQ(faults.counts().of(FaultKind::error_in_read), 1U);
    EXPECT_FALSE(faults.plan(FaultKind::error_in_read));
}

TEST_F(AFaultInjector, DrawsTheDwordsThatARuleLeavesOpen) {
    FaultInjector faults =
        make({{.kind = FaultKind::error_in_read}, {.kind = FaultKind::short_object, .dwords = 9}});
    const auto open = faults.strike(FaultKind::error_in_read);
    const auto fixed = faults.strike(FaultKind::short_object);
    ASSERT_TRUE(open && fixed);
    std::vector<int> seen(3);
    for (int i = 0; i < 300; ++i) {
        const std::uint32_t dwords = faults.dwords_of(*open, 5, 7);
        ASSERT_TRUE(5 <= dwords && dwords <= 7) << dwords;
        ++seen[dwords - 5];
    }
    EXPECT_GT(std::ranges::min(seen), 50);
    EXPECT_EQ(faults.dwords_of(*fixed, 5, 7), 9U);
}

}  // namespace
}  // namespace doed::emulator
