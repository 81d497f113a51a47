// SPDX-License-Identifier: Apache-2.0
#include "doe/discovery.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

using Step = Operation::Step;

std::uint32_t entry(Protocol protocol, std::uint8_t next) {
    return protocol.vendor_id | std::uint32_t{protocol.object_type} << 16 |
           std::uint32_t{next} << 24;
}

Step feed(DiscoveryOperation& discovery, std::vector<std::uint32_t> payload) {
    const auto step = discovery.consume(payload);
    EXPECT_TRUE(step.has_value());
    return step.value_or(Step::finished);
}

TEST(Discovery, FollowsTheIndicesUntilZero) {
    DiscoveryOperation discovery(1);
    ASSERT_EQ(discovery.start(), Step::send);
    EXPECT_EQ(discovery.request()[0], 0U);
    EXPECT_EQ(feed(discovery, {entry(protocol_discovery, 1)}), Step::send);
    EXPECT_EQ(discovery.request()[0], 1U);
    EXPECT_EQ(feed(discovery, {entry(protocol_table_access, 0)}), Step::finished);
    EXPECT_EQ(discovery.protocols(), (std::vector{protocol_discovery, protocol_table_access}));
}

TEST(Discovery, CarriesVersionTwoFromCapabilityVersionTwoOn) {
    DiscoveryOperation discovery(2);
    ASSERT_TRUE(discovery.start().has_value());
    EXPECT_EQ(discovery.request()[0], 0x0200U);
    EXPECT_EQ(feed(discovery, {entry(protocol_discovery, 7)}), Step::send);
    EXPECT_EQ(discovery.request()[0], 0x0207U);
}

TEST(Discovery, TakesTheLongerResponseOfNewerDevices) {
    DiscoveryOperation discovery(2);
    ASSERT_TRUE(discovery.start().has_value());
    EXPECT_EQ(feed(discovery, {entry(protocol_cma_spdm, 0), 0x1000}), Step::finished);
    EXPECT_EQ(discovery.protocols(), std::vector{protocol_cma_spdm});
}

TEST(Discovery, StopsAtVendorFfff) {
    DiscoveryOperation discovery(1);
    ASSERT_TRUE(discovery.start().has_value());
    EXPECT_EQ(feed(discovery, {entry(protocol_discovery, 1)}), Step::send);
    EXPECT_EQ(feed(discovery, {entry({0xFFFF, 0xFF}, 2)}), Step::finished);
    EXPECT_EQ(discovery.protocols(), std::vector{protocol_discovery});
}

TEST(Discovery, StopsWhenAnIndexComesAgain) {
    DiscoveryOperation discovery(1);
    ASSERT_TRUE(discovery.start().has_value());
    EXPECT_EQ(feed(discovery, {entry(protocol_discovery, 5)}), Step::send);
    EXPECT_EQ(feed(discovery, {entry(protocol_table_access, 9)}), Step::send);
    EXPECT_EQ(feed(discovery, {entry(protocol_cma_spdm, 5)}), Step::finished);
    EXPECT_EQ(discovery.protocols().size(), 3U);
}

TEST(Discovery, AsksAtMost256Times) {
    DiscoveryOperation discovery(1);
    ASSERT_TRUE(discovery.start().has_value());
    int asked = 1;
    for (Step step = Step::send; step == Step::send; ++asked) {
        ASSERT_LE(asked, 256);
        step = feed(discovery, {entry({0x1234, static_cast<std::uint8_t>(asked)},
                                      static_cast<std::uint8_t>(asked))});
    }
    EXPECT_EQ(discovery.protocols().size(), 256U);
}

TEST(Discovery, ListsARepeatedProtocolOnce) {
    DiscoveryOperation discovery(1);
    ASSERT_TRUE(discovery.start().has_value());
    EXPECT_EQ(feed(discovery, {entry(protocol_discovery, 1)}), Step::send);
    EXPECT_EQ(feed(discovery, {entry(protocol_discovery, 0)}), Step::finished);
    EXPECT_EQ(discovery.protocols().size(), 1U);
}

TEST(Discovery, RefusesResponsesOfOtherLengths) {
    for (const std::size_t length : {0U, 3U, 4U}) {
        DiscoveryOperation discovery(1);
        ASSERT_TRUE(discovery.start().has_value());
        const auto step = discovery.consume(std::vector<std::uint32_t>(length, 1));
        ASSERT_FALSE(step.has_value()) << length;
        EXPECT_EQ(step.error().code(), base::Errc::malformed);
    }
}

TEST(Discovery, BeginsAnewWhenStartedAgain) {
    DiscoveryOperation discovery(1);
    ASSERT_TRUE(discovery.start().has_value());
    EXPECT_EQ(feed(discovery, {entry(protocol_discovery, 1)}), Step::send);
    ASSERT_TRUE(discovery.start().has_value());
    EXPECT_EQ(discovery.request()[0], 0U);
    EXPECT_TRUE(discovery.protocols().empty());
}

TEST(Discovery, IsDoubtfulWhenItLeadsBackOrLacksItself) {
    DiscoveryOperation discovery(1);
    ASSERT_TRUE(discovery.start().has_value());
    ASSERT_EQ(feed(discovery, {entry(protocol_discovery, 1)}), Step::send);
    ASSERT_EQ(feed(discovery, {entry(protocol_discovery, 1)}), Step::finished);
    EXPECT_TRUE(discovery.doubtful());
    ASSERT_TRUE(discovery.start().has_value());
    ASSERT_EQ(feed(discovery, {entry(protocol_table_access, 0)}), Step::finished);
    EXPECT_TRUE(discovery.doubtful());
    ASSERT_TRUE(discovery.start().has_value());
    ASSERT_EQ(feed(discovery, {entry(protocol_discovery, 0)}), Step::finished);
    EXPECT_FALSE(discovery.doubtful());
}

}  // namespace
}  // namespace doed::doe
