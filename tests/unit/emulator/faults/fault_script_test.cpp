// SPDX-License-Identifier: Apache-2.0
#include "emulator/faults/fault_script.hpp"

#include <set>

#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

TEST(AFaultKind, HasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (const FaultTraits& traits : all_fault_traits()) {
        EXPECT_FALSE(traits.name.empty());
        EXPECT_TRUE(names.insert(traits.name).second) << traits.name;
        EXPECT_EQ(&fault_traits(traits.kind), &traits);
    }
    EXPECT_EQ(names.size(), fault_kind_count);
}

TEST(AFaultRule, StrikesEverywhereUnlessToldOtherwise) {
    const FaultRule rule{.kind = FaultKind::never_ready};
    EXPECT_EQ(rule.rate, 1);
    EXPECT_EQ(rule.first, 1U);
    EXPECT_EQ(rule.last, FaultRule::unlimited);
    EXPECT_EQ(rule.count, FaultRule::unlimited);
}

TEST(AFaultRule, AtAPositionCoversAsManyAsItStrikes) {
    const FaultRule once = FaultRule::at(FaultKind::never_ready, 5);
    EXPECT_EQ(once.first, 5U);
    EXPECT_EQ(once.last, 5U);
    EXPECT_EQ(once.count, 1U);
    const FaultRule thrice = FaultRule::at(FaultKind::never_ready, 5, 3);
    EXPECT_EQ(thrice.first, 5U);
    EXPECT_EQ(thrice.last, 7U);
    EXPECT_EQ(thrice.count, 3U);
    const FaultRule always = FaultRule::at(FaultKind::never_ready, 5, FaultRule::unlimited);
    EXPECT_EQ(always.last, FaultRule::unlimited);
}

TEST(FaultCountsOfTwoMailboxes, AddUpByKind) {
    FaultCounts one;
    one.add(FaultKind::busy);
    one.add(FaultKind::access_fails);
    FaultCounts other;
    other.add(FaultKind::busy);
    one += other;
    EXPECT_EQ(one.of(FaultKind::busy), 2U);
    EXPECT_EQ(one.of(FaultKind::access_fails), 1U);
    EXPECT_EQ(one.of(FaultKind::stuck_busy), 0U);
    EXPECT_EQ(one.total(), 3U);
}

}  // namespace
}  // namespace doed::emulator
