// SPDX-License-Identifier: Apache-2.0
//
// How single fields are worded; whole tables are in tests/vectors/cdat/golden.
#include "cdat/fields.hpp"

#include "json_tables.hpp"

#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

// What the whole of a table's bytes is divided into.
TEST(TheFields, AreAllBytesOfATableInOrder) {
    for (const auto& file : all_files()) {
        const Table table = Table::parse(load_file(file));
        for (const EntryFields entries : {EntryFields::parts, EntryFields::whole}) {
            auto fields = header_fields(table);
            for (const RawStructure& raw : table.structures()) {
                const auto more = structure_fields(table, raw, entries);
                fields.insert(fields.end(), more.begin(), more.end());
            }
            const auto rest = rest_fields(table);
            fields.insert(fields.end(), rest.begin(), rest.end());
            std::size_t end = 0;
            for (const Field& field : fields) {
                ASSERT_EQ(field.offset_bytes, end) << file << " " << field.name;
                ASSERT_FALSE(field.name.empty() || field.value.empty()) << file;
                end += field.size_bytes;
            }
            EXPECT_EQ(end, table.bytes().size()) << file;
        }
    }
}

TEST(AField, SaysWhatItIsAndWhatItMeans) {
    const Table table = Table::parse(load_file("tables/two-ranges.json"));
    const auto fields = structure_fields(table, table.structures()[2], EntryFields::parts);
    ASSERT_EQ(fields.size(), 12U);
    EXPECT_EQ(fields[5].name, "Data Type");
    EXPECT_EQ(fields[5].value, "write latency (0x2)");
    EXPECT_EQ(fields[7].value, "10000 ps");
    EXPECT_EQ(fields[8].name, "Entry[0]");
    EXPECT_EQ(fields[8].value, "25 = 250 ns");
    EXPECT_EQ(fields[8].kind, Field::Kind::value);
    EXPECT_EQ(fields[9].kind, Field::Kind::reserved);
}

TEST(ASize, IsInTheLargestUnitThatTellsItExactly) {
    EXPECT_EQ(size_text(0), "0 bytes");
    EXPECT_EQ(size_text(1), "1 byte");
    EXPECT_EQ(size_text(1023), "1023 bytes");
    EXPECT_EQ(size_text(1024), "1 KiB");
    EXPECT_EQ(size_text(1536), "1.5 KiB");
    EXPECT_EQ(size_text(1280), "1.25 KiB");
    EXPECT_EQ(size_text(1025), "1025 bytes");
    EXPECT_EQ(size_text(256ULL << 20), "256 MiB");
    EXPECT_EQ(size_text((1ULL << 60) + 4096), "1125899906842628 KiB");
    EXPECT_EQ(size_text(~0ULL), "18446744073709551615 bytes");
    EXPECT_EQ(size_text(15ULL << 60), "15 EiB");
}

TEST(ANumber, IsHexadecimalWithoutLeadingZeros) {
    EXPECT_EQ(hex_text(0), "0x0");
    EXPECT_EQ(hex_text(0x1a0), "0x1a0");
    EXPECT_EQ(hex_text(~0ULL), "0xffffffffffffffff");
}

TEST(AStructuresTitle, HasBothNames) {
    EXPECT_EQ(structure_title(3), "DSIS: Device Scoped Initiator");
    EXPECT_EQ(structure_title(0x80), "type 0x80");
}

TEST(AValuesText, HasItsUnitOrWhyThereIsNone) {
    EXPECT_EQ(value_text(Value::of(250, 3), true), "0.75 ns");
    EXPECT_EQ(value_text(Value::of(1000, 16), false), "16000 MB/s");
    EXPECT_EQ(value_text(Value::of(1000, 0), false), "not provided");
    EXPECT_EQ(value_text(Value::of(1000, 0xFFFF), true), "unreachable");
    EXPECT_EQ(value_text(Value::of(~0ULL, 2), true), "more than 64 bits");
}

}  // namespace
}  // namespace doed::cdat
