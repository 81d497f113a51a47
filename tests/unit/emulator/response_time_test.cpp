// SPDX-License-Identifier: Apache-2.0
#include "emulator/response_time.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using namespace std::chrono_literals;

std::vector<base::Duration> draw(ResponseTime time, int count) {
    std::vector<base::Duration> drawn;
    for (int i = 0; i < count; ++i) {
        drawn.push_back(time.next());
    }
    return drawn;
}

TEST(AResponseTime, IsFixedWhenItsBoundsAreEqual) {
    EXPECT_EQ(draw(ResponseTime({3ms, 3ms}, 1), 3), std::vector<base::Duration>(3, 3ms));
}

TEST(AResponseTime, StaysWithinItsBoundsAndComesNearBoth) {
    const auto drawn = draw(ResponseTime({100us, 200us}, 1), 1000);
    const auto [shortest, longest] = std::ranges::minmax(drawn);
    EXPECT_GE(shortest, 100us);
    EXPECT_LT(shortest, 105us);
    EXPECT_LE(longest, 200us);
    EXPECT_GT(longest, 195us);
}

TEST(AResponseTime, IsEitherOfItsBoundsWhenThereIsNothingBetween) {
    const auto drawn = draw(ResponseTime({100us, 200us, true}, 1), 1000);
    const auto shorter = std::ranges::count(drawn, 100us);
    EXPECT_GT(shorter, 400);
    EXPECT_LT(shorter, 600);
    EXPECT_EQ(shorter + std::ranges::count(drawn, 200us), 1000);
}

TEST(AResponseTime, RepeatsWithItsSeed) {
    EXPECT_EQ(draw(ResponseTime({0ms, 1s}, 42), 10), draw(ResponseTime({0ms, 1s}, 42), 10));
    EXPECT_NE(draw(ResponseTime({0ms, 1s}, 42), 10), draw(ResponseTime({0ms, 1s}, 43), 10));
}

// The generator is the standard's; a run with a seed is the same everywhere.
TEST(AResponseTime, IsTheSameOnEverySystem) {
    EXPECT_EQ(ResponseTime({0ns, 999ns}, 5489).next(),
              base::Duration(14514284786278117030ULL % 1000));
}

}  // namespace
}  // namespace doed::emulator
