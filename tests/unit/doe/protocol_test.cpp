// SPDX-License-Identifier: Apache-2.0
#include "doe/protocol.hpp"

#include <gtest/gtest.h>

namespace doed::doe {
namespace {

TEST(AProtocol, IsWrittenAsTheKernelWritesIt) {
    EXPECT_EQ(protocol_table_access.to_string(), "1e98:02");
    EXPECT_EQ(Protocol::parse("1e98:02"), protocol_table_access);
    EXPECT_EQ(Protocol::parse("1E98:02"), protocol_table_access);
}

TEST(AProtocol, IsNotParsedFromAnythingElse) {
    for (const char* text : {"", "1e98", "1e98:2", "1e98:002", "1e98.02", "xyzw:00", "1e98:0g",
                             " 1e98:02", "-e98:02"}) {
        EXPECT_EQ(Protocol::parse(text), std::nullopt) << text;
    }
}

TEST(AProtocol, HasTheSpecificationsName) {
    EXPECT_EQ(protocol_table_access.name(), "CXL Table Access (CDAT)");
    EXPECT_TRUE((Protocol{0x1234, 0x56}).name().empty());
}

TEST(TheAllowList, HoldsDiscoveryAndTableAccessOnly) {
    const AllowList allowed;
    EXPECT_TRUE(allowed.find(protocol_discovery).has_value());
    EXPECT_TRUE(allowed.find(protocol_table_access).has_value());
    EXPECT_FALSE(allowed.find(protocol_cma_spdm).has_value());
    EXPECT_FALSE(allowed.find({0x1E98, 0x00}).has_value());
    EXPECT_EQ(allowed.entries().size(), 2U);
}

TEST(TheAllowList, CanLoseTableAccessButNotDiscovery) {
    AllowList allowed;
    EXPECT_TRUE(allowed.remove(protocol_table_access));
    EXPECT_FALSE(allowed.find(protocol_table_access).has_value());
    EXPECT_FALSE(allowed.remove(protocol_table_access));
    EXPECT_FALSE(allowed.remove(protocol_discovery));
    EXPECT_TRUE(allowed.find(protocol_discovery).has_value());
}

TEST(TheAllowList, BoundsACdatResponseByTheLongestStructure) {
    const AllowList allowed;
    // Two header dwords, the handle dword, and 65535 bytes of structure.
    EXPECT_EQ(allowed.find(protocol_table_access)->max_response_dw, 3U + 16384U);
    EXPECT_EQ(allowed.find(protocol_discovery)->max_response_dw, 4U);
}

}  // namespace
}  // namespace doed::doe
