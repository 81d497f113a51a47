// SPDX-License-Identifier: Apache-2.0
#include "pci/counting_config_space.hpp"

#include "config_image.hpp"

#include <gtest/gtest.h>

namespace doed::pci {
namespace {

TEST(ACountingConfigSpace, PassesAccessesOnAndCountsThem) {
    CountingConfigSpace config(
        std::make_unique<MemoryConfigSpace>(ConfigImage().set(0x190, 0x1234)));
    EXPECT_EQ(config.read32(0x190), 0x1234U);
    EXPECT_TRUE(config.write32(0x194, 0xABCD));
    EXPECT_EQ(config.read32(0x194), 0xABCDU);
    EXPECT_EQ(config.reads(), 2U);
    EXPECT_EQ(config.writes(), 1U);
}

TEST(ACountingConfigSpace, CountsFailedAccessesToo) {
    auto inner = std::make_unique<MemoryConfigSpace>(ConfigImage());
    inner->fail_at(0x100, base::Errc::device_gone);
    CountingConfigSpace config(std::move(inner));
    const auto value = config.read32(0x100);
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code(), base::Errc::device_gone);
    EXPECT_EQ(config.reads(), 1U);
}

}  // namespace
}  // namespace doed::pci
