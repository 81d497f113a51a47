// SPDX-License-Identifier: Apache-2.0
#include "cdat/value.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using Kind = Value::Kind;

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

TEST(AValue, IsBaseUnitTimesEntry) {
    EXPECT_EQ(Value::of(10000, 15), (Value{Kind::given, 150000}));
    EXPECT_EQ(Value::of(1, 0xFFFE), (Value{Kind::given, 0xFFFE}));
}

TEST(AValue, IsNotThereForAUnitOfZero) {
    EXPECT_EQ(Value::of(0, 15), (Value{Kind::not_provided, 0}));
    EXPECT_EQ(Value::of(0, 0xFFFF), (Value{Kind::unreachable, 0}));
}

TEST(AValue, IsNotThereForTheTwoSpecialEntries) {
    EXPECT_EQ(Value::of(10000, 0), (Value{Kind::not_provided, 0}));
    EXPECT_EQ(Value::of(10000, 0xFFFF), (Value{Kind::unreachable, 0}));
    EXPECT_EQ(Value::of(most, 0), (Value{Kind::not_provided, 0}));
    EXPECT_EQ(Value::of(most, 0xFFFF), (Value{Kind::unreachable, 0}));
}

// The product has 80 bits. Where it ends to fit into 64, for every entry.
TEST(AValue, IsExactUpTo64BitsAndToldBeyond) {
    for (std::uint32_t entry = 1; entry < 0xFFFF; ++entry) {
        const auto narrow = static_cast<std::uint16_t>(entry);
        const std::uint64_t last = most / entry;
        ASSERT_EQ(Value::of(last, narrow), (Value{Kind::given, last * entry})) << entry;
        ASSERT_GE(last * entry, last) << entry;
        if (entry > 1) {
            ASSERT_EQ(Value::of(last + 1, narrow), (Value{Kind::overflow, 0})) << entry;
        }
        ASSERT_EQ(Value::of(most, narrow).kind, entry == 1 ? Kind::given : Kind::overflow);
    }
}

TEST(AValue, HasAWordForEveryKind) {
    EXPECT_EQ(to_string(Kind::given), "given");
    EXPECT_EQ(to_string(Kind::not_provided), "not-provided");
    EXPECT_EQ(to_string(Kind::unreachable), "unreachable");
    EXPECT_EQ(to_string(Kind::overflow), "overflow");
}

TEST(Nanoseconds, AreExact) {
    EXPECT_EQ(nanoseconds_text(0), "0");
    EXPECT_EQ(nanoseconds_text(1), "0.001");
    EXPECT_EQ(nanoseconds_text(250), "0.25");
    EXPECT_EQ(nanoseconds_text(150000), "150");
    EXPECT_EQ(nanoseconds_text(123400), "123.4");
    EXPECT_EQ(nanoseconds_text(most), "18446744073709551.615");
}

TEST(ADataType, HasAName) {
    EXPECT_EQ(data_type_name(0), "access latency");
    EXPECT_EQ(data_type_name(5), "write bandwidth");
    EXPECT_EQ(data_type_name(6), "");
    EXPECT_TRUE(is_latency(DataType::write_latency));
    EXPECT_FALSE(is_latency(DataType::access_bandwidth));
}

}  // namespace
}  // namespace doed::cdat
