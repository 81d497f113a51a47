// SPDX-License-Identifier: Apache-2.0
#include "cdat/summary.hpp"

#include "json_tables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using testing::IsEmpty;

Summary summary_of(const std::string& file) {
    return summarize(decode(Table::parse(load_file(file))));
}

Figure given(std::uint64_t amount, DataType from) {
    return {{Value::Kind::given, amount}, from};
}

TEST(ASummary, HasTheFiguresOfEachMemoryRange) {
    const Summary summary = summary_of("tables/two-ranges.json");
    ASSERT_EQ(summary.ranges.size(), 2U);
    const MemoryRange& volatile_range = summary.ranges[0];
    EXPECT_EQ(volatile_range.dsmas.flags, 0U);
    EXPECT_EQ(volatile_range.performance,
              (Performance{.read_latency = given(150000, DataType::read_latency),
                           .write_latency = given(250000, DataType::write_latency),
                           .read_bandwidth = given(16000, DataType::read_bandwidth),
                           .write_bandwidth = given(16000, DataType::write_bandwidth)}));
    const MemoryRange& persistent = summary.ranges[1];
    EXPECT_EQ(persistent.dsmas.flags, Dsmas::non_volatile);
    EXPECT_EQ(persistent.performance.write_latency, given(900000, DataType::write_latency));
    ASSERT_EQ(persistent.parts.size(), 1U);
    EXPECT_EQ(persistent.parts[0].memory_type, 2U);
    EXPECT_THAT(persistent.caches, IsEmpty());
    EXPECT_THAT(summary.port_pairs, IsEmpty());
    EXPECT_THAT(summary.initiators, IsEmpty());
}

TEST(ASummary, TakesAnAccessFigureForReadAndWriteAndSaysSo) {
    const Summary summary = summary_of("tables/access-only.json");
    ASSERT_EQ(summary.ranges.size(), 1U);
    const Performance& performance = summary.ranges[0].performance;
    EXPECT_EQ(performance.read_latency, given(123400, DataType::access_latency));
    EXPECT_EQ(performance.write_latency, performance.read_latency);
    EXPECT_EQ(performance.read_bandwidth, given(31250, DataType::access_bandwidth));
    EXPECT_EQ(summary.ranges[0].parts.size(), 2U);
}

TEST(ASummary, TakesTheFirstFigureThatSaysSomething) {
    const auto summary = summarize(decode(Table::parse(built(R"({"structures": [
        {"name": "DSMAS", "handle": 0, "dpa_length": 1},
        {"name": "DSLBIS", "data_type": 1, "base_unit": 1000, "entries": [0]},
        {"name": "DSLBIS", "data_type": 1, "base_unit": 1000, "entries": [150]},
        {"name": "DSLBIS", "data_type": 1, "base_unit": 1000, "entries": [160]}]})"))));
    ASSERT_EQ(summary.ranges.size(), 1U);
    EXPECT_EQ(summary.ranges[0].performance.read_latency, given(150000, DataType::read_latency));
}

TEST(ASummary, HasTheFiguresOfEachCacheLevel) {
    const Summary summary = summary_of("tables/caches.json");
    ASSERT_EQ(summary.ranges.size(), 1U);
    // Those of small transfers and scattered accesses are not the general ones.
    EXPECT_EQ(summary.ranges[0].performance.read_latency, given(250000, DataType::read_latency));
    ASSERT_EQ(summary.ranges[0].caches.size(), 2U);
    EXPECT_EQ(summary.ranges[0].caches[0].cache.level(), 1U);
    EXPECT_EQ(summary.ranges[0].caches[0].performance.read_latency,
              given(40000, DataType::read_latency));
    EXPECT_EQ(summary.ranges[0].caches[1].performance.read_latency,
              given(90000, DataType::read_latency));
    EXPECT_FALSE(summary.ranges[0].caches[1].performance.write_latency);
}

TEST(ASummary, FallsBackWhereAnEntryIsNotProvided) {
    const Performance performance = summary_of("tables/no-values.json").ranges.at(0).performance;
    EXPECT_EQ(performance.read_latency, given(150250, DataType::access_latency));
    EXPECT_EQ(performance.write_latency,
              (Figure{{Value::Kind::unreachable, 0}, DataType::write_latency}));
    EXPECT_EQ(performance.read_bandwidth, given(65534000, DataType::read_bandwidth));
    EXPECT_FALSE(performance.write_bandwidth);
}

TEST(ASummary, TellsInitiators) {
    const Summary summary = summary_of("tables/initiator.json");
    ASSERT_EQ(summary.ranges.size(), 1U);
    EXPECT_TRUE(summary.ranges[0].initiator_attached);
    ASSERT_EQ(summary.initiators.size(), 1U);
    EXPECT_EQ(summary.initiators[0].handle, 9U);
    EXPECT_EQ(summary.initiators[0].performance.read_latency,
              given(330000, DataType::read_latency));
}

TEST(ASummary, HasTheWayBetweenEachTwoPorts) {
    const Summary summary = summary_of("tables/switch-four-ports.json");
    EXPECT_THAT(summary.ranges, IsEmpty());
    ASSERT_EQ(summary.port_pairs.size(), 10U);
    const PortPair& last = summary.port_pairs.back();
    EXPECT_EQ(last.port_x, SwitchEntry::upstream_port);
    EXPECT_EQ(last.port_y, 3U);
    EXPECT_EQ(last.performance.read_latency, given(130000, DataType::access_latency));
    EXPECT_EQ(last.performance.read_bandwidth, given(32768, DataType::read_bandwidth));
    EXPECT_EQ(last.performance.write_bandwidth, given(24576, DataType::write_bandwidth));
    EXPECT_FALSE(summary.port_pairs.front().performance.read_bandwidth);
}

TEST(ASummary, TakesTheFirstOfTwoFigures) {
    const Summary summary = summary_of("problems/duplicate-value.json");
    EXPECT_EQ(summary.ranges.at(0).performance.read_latency, given(150000, DataType::read_latency));
}

TEST(ASummary, MarksAFigureOfMoreThan64Bits) {
    const Summary summary = summary_of("problems/entry-overflow.json");
    EXPECT_EQ(summary.ranges.at(0).performance.read_latency,
              (Figure{{Value::Kind::overflow, 0}, DataType::read_latency}));
}

TEST(ASummary, IsMadeOfAnyTable) {
    for (const auto& file : all_files()) {
        EXPECT_LE(summary_of(file).ranges.size(), 25U) << file;
    }
}

}  // namespace
}  // namespace doed::cdat
