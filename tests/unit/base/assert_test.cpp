// SPDX-License-Identifier: Apache-2.0
#include "base/assert.hpp"

#include <gtest/gtest.h>

namespace doed::base {
namespace {

TEST(AnAssertion, LetsATrueConditionPassAndEvaluatesItOnce) {
    int evaluations = 0;
    DOED_ASSERT(++evaluations == 1);
    EXPECT_EQ(evaluations, 1);
}

TEST(AnAssertion, EndsTheProcessNamingTheBrokenConditionAndItsPlace) {
    EXPECT_DEATH(DOED_ASSERT(1 + 1 == 3),
                 "assert_test\\.cpp:[0-9]+: broken assertion: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace doed::base
