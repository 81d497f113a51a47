// SPDX-License-Identifier: Apache-2.0
#include "base/byte_cursor.hpp"

#include <array>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::base {
namespace {

using testing::ElementsAre;

constexpr std::array<std::uint8_t, 8> counting_bytes{0x01, 0x02, 0x03, 0x04,
                                                     0x05, 0x06, 0x07, 0x08};

TEST(AByteReader, ReadsLittleEndianNumbersOfEveryWidth) {
    EXPECT_EQ(ByteReader(counting_bytes).read<std::uint8_t>(), 0x01U);
    EXPECT_EQ(ByteReader(counting_bytes).read<std::uint16_t>(), 0x0201U);
    EXPECT_EQ(ByteReader(counting_bytes).read<std::uint32_t>(), 0x04030201U);
    EXPECT_EQ(ByteReader(counting_bytes).read<std::uint64_t>(), 0x0807060504030201U);
}

TEST(AByteReader, KeepsTheHighestBitOfEveryWidth) {
    constexpr std::array<std::uint8_t, 8> ones{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    EXPECT_EQ(ByteReader(ones).read<std::uint8_t>(), std::numeric_limits<std::uint8_t>::max());
    EXPECT_EQ(ByteReader(ones).read<std::uint16_t>(), std::numeric_limits<std::uint16_t>::max());
    EXPECT_EQ(ByteReader(ones).read<std::uint32_t>(), std::numeric_limits<std::uint32_t>::max());
    EXPECT_EQ(ByteReader(ones).read<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
}

TEST(AByteReader, AdvancesByWhatItRead) {
    ByteReader reader(counting_bytes);
    EXPECT_EQ(reader.read<std::uint8_t>(), 0x01U);
    EXPECT_EQ(reader.read<std::uint16_t>(), 0x0302U);
    EXPECT_EQ(reader.offset(), 3U);
    EXPECT_EQ(reader.remaining(), 5U);
    EXPECT_THAT(reader.take(2), ElementsAre(0x04, 0x05));
    reader.skip(1);
    EXPECT_EQ(reader.read<std::uint16_t>(), 0x0807U);
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_TRUE(reader.ok());
}

TEST(AByteReader, MayTakeNothingAtTheEnd) {
    ByteReader reader(counting_bytes);
    reader.skip(counting_bytes.size());
    EXPECT_TRUE(reader.take(0).empty());
    EXPECT_TRUE(reader.ok());
}

TEST(AReadPastTheEnd, YieldsZeroAndMakesTheCursorBad) {
    ByteReader reader({counting_bytes.data(), 3});
    EXPECT_EQ(reader.read<std::uint32_t>(), 0U);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0U);
}

TEST(AReadPastTheEnd, MakesEveryLaterReadYieldNothing) {
    ByteReader reader(counting_bytes);
    reader.skip(7);
    EXPECT_TRUE(reader.take(2).empty());
    EXPECT_EQ(reader.read<std::uint8_t>(), 0U) << "one byte is left, but the cursor is bad";
    EXPECT_TRUE(reader.take(0).empty());
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.offset(), 7U) << "the place of the failure";
}

TEST(AReadPastTheEnd, IsNoticedForCountsThatWouldOverflow) {
    ByteReader reader(counting_bytes);
    reader.skip(4);
    EXPECT_TRUE(reader.take(std::numeric_limits<std::size_t>::max()).empty());
    EXPECT_FALSE(reader.ok());
}

TEST(AReaderOfNothing, IsGoodUntilSomethingIsRead) {
    ByteReader reader({});
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_EQ(reader.read<std::uint8_t>(), 0U);
    EXPECT_FALSE(reader.ok());
}

TEST(AByteWriter, AppendsLittleEndianNumbersOfEveryWidth) {
    ByteWriter writer;
    writer.write<std::uint8_t>(0x11).write<std::uint16_t>(0x2233).write<std::uint32_t>(0x44556677);
    EXPECT_THAT(writer.bytes(), ElementsAre(0x11, 0x33, 0x22, 0x77, 0x66, 0x55, 0x44));
}

TEST(AByteWriter, AppendsBytesAsTheyAre) {
    ByteWriter writer;
    writer.write<std::uint8_t>(0xAA).append({counting_bytes.data(), 3}).append({});
    EXPECT_THAT(writer.bytes(), ElementsAre(0xAA, 0x01, 0x02, 0x03));
}

TEST(AByteWriter, GivesItsBytesAway) {
    ByteWriter writer;
    writer.write<std::uint16_t>(0x0201);
    EXPECT_THAT(writer.take(), ElementsAre(0x01, 0x02));
    EXPECT_TRUE(writer.bytes().empty());
}

TEST(WhatAByteWriterWrote, IsReadBackByAByteReader) {
    constexpr std::uint64_t wide = 0xFEDCBA9876543210U;
    constexpr std::uint32_t narrow = 0x80000001U;
    const auto bytes = ByteWriter().write(wide).write(narrow).take();
    ByteReader reader(bytes);
    EXPECT_EQ(reader.read<std::uint64_t>(), wide);
    EXPECT_EQ(reader.read<std::uint32_t>(), narrow);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0U);
}

}  // namespace
}  // namespace doed::base
