// SPDX-License-Identifier: Apache-2.0
#include "doe/fair_queue.hpp"

#include <string>

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

std::string drain(FairQueue<char>& queue) {
    std::string order;
    while (!queue.empty()) {
        order += queue.pop();
    }
    return order;
}

TEST(AFairQueue, ServesOneUserFirstInFirstOut) {
    FairQueue<char> queue;
    for (const char item : {'a', 'b', 'c'}) {
        queue.push(1, item);
    }
    EXPECT_EQ(drain(queue), "abc");
}

TEST(AFairQueue, ServesUsersInTurn) {
    FairQueue<char> queue;
    for (const char item : {'a', 'b', 'c', 'd'}) {
        queue.push(1, item);
    }
    queue.push(2, 'x');
    queue.push(3, 'y');
    queue.push(2, 'z');
    EXPECT_EQ(drain(queue), "axybzcd");
}

TEST(AFairQueue, DoesNotLetAUserWhoComesBackJumpTheOthers) {
    FairQueue<char> queue;
    queue.push(1, 'a');
    queue.push(2, 'x');
    EXPECT_EQ(queue.pop(), 'a');
    queue.push(1, 'b');
    EXPECT_EQ(drain(queue), "xb");
}

TEST(AFairQueue, FindsAndErasesAcrossUsers) {
    FairQueue<char> queue;
    queue.push(1, 'a');
    queue.push(2, 'x');
    ASSERT_NE(queue.find_if([](char item) { return item == 'x'; }), nullptr);
    EXPECT_EQ(queue.find_if([](char item) { return item == 'q'; }), nullptr);
    queue.erase_if([](char item) { return item == 'x'; });
    EXPECT_EQ(drain(queue), "a");
}

}  // namespace
}  // namespace doed::doe
