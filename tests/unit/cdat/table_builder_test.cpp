// SPDX-License-Identifier: Apache-2.0
#include "cdat/table_builder.hpp"

#include "cdat_vectors.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using testing::IsEmpty;

Bytes from_hex(const std::string& text) {
    std::istringstream words(text);
    Bytes bytes;
    for (std::string word; words >> word;) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
    }
    return bytes;
}

TEST(ATableBuilder, MakesAHeaderThatFits) {
    EXPECT_EQ(build_table(1, 0x01020304, Structures{Bytes{0x80, 0, 4, 0}}),
              from_hex("14 00 00 00 01 5d 00 00 00 00 00 00 04 03 02 01 80 00 04 00"));
}

TEST(ATableBuilder, RebuildsATableFromItsStructures) {
    const Bytes good = load_vector("good");
    const Table table = Table::parse(good);
    Structures structures;
    for (const RawStructure& structure : table.structures()) {
        const auto bytes = table.bytes_of(structure);
        structures.emplace_back(bytes.begin(), bytes.end());
    }
    EXPECT_EQ(build_table(table.header().revision, table.header().sequence, structures), good);
}

TEST(TheDefaultEndpointTable, IsQemus) {
    const Bytes expected = from_hex(
        // Header, DSMAS.
        "a0 00 00 00 02 0d 00 00 00 00 00 00 00 00 00 00 "
        "00 00 18 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00 00 "
        // DSLBIS for read and write latency, read and write bandwidth.
        "01 00 18 00 00 00 01 00 10 27 00 00 00 00 00 00 0f 00 00 00 00 00 00 00 "
        "01 00 18 00 00 00 02 00 10 27 00 00 00 00 00 00 19 00 00 00 00 00 00 00 "
        "01 00 18 00 00 00 04 00 e8 03 00 00 00 00 00 00 10 00 00 00 00 00 00 00 "
        "01 00 18 00 00 00 05 00 e8 03 00 00 00 00 00 00 10 00 00 00 00 00 00 00 "
        // DSEMTS.
        "04 00 18 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00 00");
    EXPECT_EQ(default_endpoint_table(0x10000000), expected);
    EXPECT_THAT(Table::parse(expected).problems(), IsEmpty());
}

TEST(TheDefaultSwitchTable, IsQemus) {
    const Bytes expected = from_hex(
        // Header, SSLBIS for access latency and access bandwidth.
        "40 00 00 00 02 25 00 00 00 00 00 00 00 00 00 00 "
        "05 00 18 00 00 00 00 00 10 27 00 00 00 00 00 00 00 01 00 00 0f 00 00 00 "
        "05 00 18 00 03 00 00 00 00 04 00 00 00 00 00 00 00 01 00 00 10 00 00 00");
    EXPECT_EQ(default_switch_table(), expected);
    EXPECT_THAT(Table::parse(expected).problems(), IsEmpty());
}

}  // namespace
}  // namespace doed::cdat
