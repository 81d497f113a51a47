// SPDX-License-Identifier: Apache-2.0
#include "cdat/table.hpp"

#include "cdat/table_builder.hpp"
#include "cdat_vectors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = ProblemKind;

constexpr std::uint8_t reserved_type = 0x80;

Problem only_problem(const Table& table) {
    EXPECT_EQ(table.problems().size(), 1U);
    return table.problems().empty() ? Problem{} : table.problems().front();
}

TEST(ATable, ShowsEveryFieldOfItsHeader) {
    Bytes bytes = build_table(2, 0xA1B2C3D4, {});
    for (std::uint8_t i = 0; i < 6; ++i) {
        bytes[6U + i] = static_cast<std::uint8_t>(0xE0 + i);
    }
    fix_checksum(bytes);
    const Table table = Table::parse(bytes);
    EXPECT_EQ(table.header(), (TableHeader{.length_bytes = 16,
                                           .revision = 2,
                                           .checksum = bytes[5],
                                           .reserved = {0xE0, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5},
                                           .sequence = 0xA1B2C3D4}));
    EXPECT_THAT(table.structures(), IsEmpty());
    EXPECT_THAT(table.problems(), IsEmpty());
}

TEST(ATable, ListsItsStructuresInOrder) {
    const Bytes bytes = load_vector("good");
    const Table table = Table::parse(bytes);
    EXPECT_THAT(
        table.structures(),
        ElementsAre(RawStructure{0, 16, 24}, RawStructure{1, 40, 24}, RawStructure{1, 64, 24},
                    RawStructure{1, 88, 24}, RawStructure{1, 112, 24}, RawStructure{4, 136, 24},
                    RawStructure{2, 160, 20}, RawStructure{3, 180, 8}, RawStructure{5, 188, 32}));
    EXPECT_EQ(table.header().length_bytes, 220U);
    EXPECT_THAT(table.problems(), IsEmpty());
    EXPECT_TRUE(table.checksum_valid());
    EXPECT_EQ(table.bytes(), bytes);
}

TEST(ATable, GivesTheBytesOfAStructure) {
    const Table table = Table::parse(load_vector("good"));
    ASSERT_EQ(table.structures().size(), 9U);
    const auto dsis = table.bytes_of(table.structures()[7]);
    EXPECT_THAT(std::vector(dsis.begin(), dsis.end()), ElementsAre(3, 0, 8, 0, 1, 7, 0, 0));
}

TEST(ATable, GivesNoBytesForAStructureItDoesNotHave) {
    const Table table = Table::parse(load_vector("good"));
    EXPECT_TRUE(table.bytes_of({0, 219, 2}).empty());
    EXPECT_TRUE(table.bytes_of({0, 0xFFFFFFFF, 0xFFFFFFFF}).empty());
    EXPECT_EQ(table.bytes_of({0, 219, 1}).size(), 1U);
}

TEST(ATable, KeepsStructuresOfUnknownTypesRaw) {
    const Table table = Table::parse(load_vector("unknown_type"));
    EXPECT_THAT(table.structures(),
                ElementsAre(RawStructure{0, 16, 24}, RawStructure{reserved_type, 40, 8},
                            RawStructure{4, 48, 24}));
    EXPECT_THAT(table.problems(), IsEmpty());
}

TEST(ATable, WalksOverAStructureThatIsLongerThanKnown) {
    const Table table = Table::parse(load_vector("long_dsmas"));
    EXPECT_THAT(table.structures(), ElementsAre(RawStructure{0, 16, 32}, RawStructure{4, 48, 24}));
    EXPECT_THAT(table.problems(), IsEmpty());
}

TEST(ATable, TakesTrailingZerosForPadding) {
    const Table table = Table::parse(padded_table());
    EXPECT_THAT(table.structures(), ElementsAre(RawStructure{0, 16, 24}, RawStructure{4, 40, 24}));
    const Problem problem = only_problem(table);
    EXPECT_EQ(problem.kind, Kind::trailing_padding);
    EXPECT_EQ(problem.severity, Severity::notice);
    EXPECT_EQ(problem.offset_bytes, 64U);
    EXPECT_THAT(problem.text, HasSubstr("64 bytes of zero padding"));
    EXPECT_TRUE(table.checksum_valid());
}

TEST(ATable, TakesZerosAfterItsEndForPaddingToo) {
    const Bytes bytes = load_vector("padded");
    ASSERT_EQ(bytes.size(), 131U);
    const Table table = Table::parse(bytes);
    EXPECT_TRUE(table.checksum_valid());
    ASSERT_THAT(kinds(table), ElementsAre(Kind::trailing_padding, Kind::trailing_padding));
    EXPECT_EQ(to_string(table.problems()[0]),
              "notice at byte 128: 3 bytes of zero padding after the end of the table");
    EXPECT_EQ(table.problems()[1].offset_bytes, 64U);
}

TEST(ATable, TakesFewerZerosThanAStructureHeaderForPaddingToo) {
    Bytes bytes = build_table(1, 0, Structures{make_structure(reserved_type, 8)});
    bytes.resize(27);
    set_length(bytes, 27);
    const Table table = Table::parse(bytes);
    EXPECT_EQ(table.structures().size(), 1U);
    EXPECT_THAT(kinds(table), ElementsAre(Kind::trailing_padding));
}

TEST(ATable, ReportsAStructureShorterThanItsFixedPart) {
    const Table table = Table::parse(load_vector("short_sslbis"));
    EXPECT_THAT(table.structures(), ElementsAre(RawStructure{5, 16, 12}));
    EXPECT_THAT(kinds(table), ElementsAre(Kind::structure_short, Kind::trailing_padding));
    EXPECT_EQ(to_string(table.problems()[0]),
              "warning at byte 16: SSLBIS of 12 bytes, its fixed part alone has 16");
}

TEST(ATable, KnowsTheFixedPartOfEveryType) {
    std::uint8_t type = 0;
    for (const std::uint16_t whole : std::vector<std::uint16_t>{24, 24, 20, 8, 24, 16}) {
        const std::uint16_t less = static_cast<std::uint16_t>(whole - 1);
        EXPECT_THAT(kinds(Table::parse(build_table(1, 0, Structures{make_structure(type, whole)}))),
                    IsEmpty());
        EXPECT_THAT(kinds(Table::parse(build_table(1, 0, Structures{make_structure(type, less)}))),
                    ElementsAre(Kind::structure_short))
            << +type;
        ++type;
    }
    EXPECT_THAT(kinds(Table::parse(build_table(1, 0, Structures{make_structure(6, 4)}))),
                IsEmpty());
}

TEST(ATable, ReportsAWrongChecksum) {
    Bytes bytes = load_vector("good");
    bytes.back() = 0x55;
    const Table table = Table::parse(bytes);
    EXPECT_FALSE(table.checksum_valid());
    const Problem problem = only_problem(table);
    EXPECT_EQ(problem.kind, Kind::checksum);
    EXPECT_EQ(problem.severity, Severity::error);
    EXPECT_EQ(problem.offset_bytes, 5U);
    EXPECT_EQ(problem.text, "the bytes add up to 85 modulo 256, not to 0");
    EXPECT_EQ(table.structures().size(), 9U);
}

TEST(ATable, IsAWarningWhenOnlyTheCountedPaddingIsMissing) {
    Bytes bytes = padded_table();
    bytes.resize(64);
    const Table table = Table::parse(bytes);
    EXPECT_TRUE(table.checksum_valid());
    const Problem problem = only_problem(table);
    EXPECT_EQ(problem.kind, Kind::length_mismatch);
    EXPECT_EQ(problem.severity, Severity::warning);
    EXPECT_EQ(problem.text, "the header says the table has 128 bytes, there are 64");
}

TEST(ATable, IsAnErrorWhenItsStructuresAreCutOff) {
    Bytes bytes = load_vector("good");
    bytes.resize(150);
    const Table table = Table::parse(bytes);
    EXPECT_FALSE(table.checksum_valid());
    EXPECT_THAT(kinds(table),
                ElementsAre(Kind::length_mismatch, Kind::checksum, Kind::structure_truncated));
    EXPECT_EQ(table.problems()[0].severity, Severity::error);
    EXPECT_EQ(to_string(table.problems()[2]),
              "error at byte 136: structure of type 4 says it has 24 bytes, the table ends after "
              "14 of them");
    EXPECT_EQ(table.structures().size(), 5U);
}

TEST(ATable, StopsAtAStructureOfLengthZeroThatIsNoPadding) {
    Bytes bytes = load_vector("good");
    bytes[64 + 2] = 0;
    fix_checksum(bytes);
    const Table table = Table::parse(bytes);
    EXPECT_EQ(table.structures().size(), 2U);
    const Problem problem = only_problem(table);
    EXPECT_EQ(problem.kind, Kind::structure_length);
    EXPECT_EQ(problem.offset_bytes, 64U);
    EXPECT_EQ(problem.severity, Severity::error);
}

TEST(ATable, StopsAtAStructureShorterThanItsHeader) {
    for (const std::uint8_t length : Bytes{1, 2, 3}) {
        Bytes bytes = load_vector("good");
        bytes[160 + 2] = length;
        fix_checksum(bytes);
        const Table table = Table::parse(bytes);
        EXPECT_EQ(table.structures().size(), 6U);
        EXPECT_THAT(kinds(table), ElementsAre(Kind::structure_length)) << +length;
    }
}

TEST(ATable, ReportsBytesTooFewForAStructure) {
    Bytes bytes = build_table(1, 0, Structures{make_structure(reserved_type, 8)});
    bytes.insert(bytes.end(), {0, 7});
    set_length(bytes, 26);
    EXPECT_EQ(to_string(only_problem(Table::parse(bytes))),
              "warning at byte 24: 2 bytes after the last structure, too few for another one");
}

TEST(ATable, EndsWhereItsHeaderSays) {
    Bytes bytes = load_vector("good");
    bytes.insert(bytes.end(), {0, 0, 0, 0});
    const Table padded = Table::parse(bytes);
    EXPECT_EQ(padded.structures().size(), 9U);
    EXPECT_EQ(only_problem(padded).kind, Kind::trailing_padding);
    bytes.back() = 1;
    const Table followed = Table::parse(bytes);
    EXPECT_EQ(followed.structures().size(), 9U);
    EXPECT_TRUE(followed.checksum_valid());
    EXPECT_EQ(only_problem(followed).kind, Kind::trailing_data);
    EXPECT_EQ(only_problem(followed).offset_bytes, 220U);
    EXPECT_EQ(followed.bytes(), bytes);
}

TEST(ATable, IsWalkedToItsLastByteWhenItsHeaderHasNoRoomForItself) {
    for (const std::uint32_t length : {0U, 15U}) {
        Bytes bytes = load_vector("good");
        set_length(bytes, length);
        const Table table = Table::parse(bytes);
        EXPECT_EQ(table.structures().size(), 9U);
        EXPECT_TRUE(table.checksum_valid());
        EXPECT_THAT(kinds(table), ElementsAre(Kind::header_length));
    }
}

TEST(ATable, NeedsAWholeHeader) {
    const Table table = Table::parse({0x10, 0, 0, 0, 1, 0x77, 1, 2, 3, 4, 5, 6, 9, 0, 0});
    EXPECT_FALSE(table.checksum_valid());
    EXPECT_EQ(only_problem(table).kind, Kind::header_truncated);
    EXPECT_EQ(table.header().sequence, 9U);
    EXPECT_THAT(table.structures(), IsEmpty());
    EXPECT_EQ(only_problem(Table::parse({})).kind, Kind::header_truncated);
    EXPECT_FALSE(Table::parse({}).checksum_valid());
}

TEST(ATable, MayHaveOneMebibyte) {
    Structures structures(16, make_structure(reserved_type, 0xFFFC));
    structures.push_back(make_structure(reserved_type, 48));
    const Bytes bytes = build_table(1, 0, structures);
    ASSERT_EQ(bytes.size(), max_table_size_bytes);
    const Table table = Table::parse(bytes);
    EXPECT_EQ(table.structures().size(), 17U);
    EXPECT_THAT(table.problems(), IsEmpty());
}

TEST(ATable, IsWalkedForOneMebibyteAtMost) {
    const Structures structures(max_table_size_bytes / 4, make_structure(reserved_type, 4));
    const Table table = Table::parse(build_table(1, 0, structures));
    EXPECT_THAT(kinds(table), ElementsAre(Kind::header_length));
    EXPECT_TRUE(table.checksum_valid());
    EXPECT_EQ(table.structures().size(), max_table_size_bytes / 4 - 4);
}

TEST(ATable, ListsABoundedNumberOfProblems) {
    const Structures structures(1000, make_structure(0, 4));
    const Table table = Table::parse(build_table(1, 0, structures));
    EXPECT_EQ(table.structures().size(), 1000U);
    ASSERT_EQ(table.problems().size(), ProblemList::limit + 1);
    EXPECT_EQ(table.problems()[ProblemList::limit - 1].kind, Kind::structure_short);
    EXPECT_EQ(table.problems()[ProblemList::limit].kind, Kind::more_problems);
    EXPECT_EQ(table.problems()[ProblemList::limit].offset_bytes, 16 + 4 * ProblemList::limit);
}

TEST(ATable, KeepsTheProblemsOfItsReading) {
    ProblemList reading;
    reading.add({Kind::entry_oversize, Severity::warning, 40, "more than asked for"});
    Bytes bytes = load_vector("short_sslbis");
    bytes[28] = 1;
    EXPECT_THAT(kinds(Table::parse(bytes, reading)),
                ElementsAre(Kind::checksum, Kind::entry_oversize, Kind::structure_short,
                            Kind::structure_length));
    EXPECT_THAT(kinds(Table::parse({}, reading)),
                ElementsAre(Kind::header_truncated, Kind::entry_oversize));
}

// Whatever the bytes: the structures lie one after the other inside them, and nothing is lost.
void expect_consistent(const Bytes& bytes) {
    const Table table = Table::parse(bytes);
    ASSERT_EQ(table.bytes(), bytes);
    std::size_t offset = table_header_size_bytes;
    for (const RawStructure& structure : table.structures()) {
        ASSERT_EQ(structure.offset_bytes, offset);
        ASSERT_GE(structure.length_bytes, structure_header_size_bytes);
        ASSERT_EQ(table.bytes_of(structure).size(), structure.length_bytes);
        offset += structure.length_bytes;
    }
    ASSERT_LE(table.structures().empty() ? 0 : offset, bytes.size());
}

TEST(ATable, IsConsistentWhereverItIsCutOff) {
    const Bytes good = load_vector("good");
    for (std::size_t size = 0; size < good.size(); ++size) {
        const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        expect_consistent(cut);
        EXPECT_FALSE(Table::parse(cut).problems().empty()) << size;
    }
}

TEST(ATable, IsConsistentWhicheverByteIsWrong) {
    const Bytes good = load_vector("good");
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (unsigned value = 0; value < 256; ++value) {
            Bytes bytes = good;
            bytes[i] = static_cast<std::uint8_t>(value);
            expect_consistent(bytes);
            EXPECT_EQ(Table::parse(bytes).problems().empty(), bytes == good) << i << " " << value;
        }
    }
}

TEST(AStructureName, IsThatOfTheSpecification) {
    EXPECT_EQ(structure_name(0), "DSMAS");
    EXPECT_EQ(structure_name(1), "DSLBIS");
    EXPECT_EQ(structure_name(2), "DSMSCIS");
    EXPECT_EQ(structure_name(3), "DSIS");
    EXPECT_EQ(structure_name(4), "DSEMTS");
    EXPECT_EQ(structure_name(5), "SSLBIS");
    EXPECT_EQ(structure_name(6), "");
    EXPECT_EQ(structure_name(0xFF), "");
}

TEST(AProblemKind, HasANameOfItsOwn) {
    std::vector<std::string_view> names;
    for (auto kind = Kind::header_truncated; kind <= Kind::more_problems;
         kind = static_cast<Kind>(static_cast<int>(kind) + 1)) {
        EXPECT_THAT(names, testing::Not(testing::Contains(to_string(kind))));
        names.push_back(to_string(kind));
    }
    EXPECT_EQ(names.size(), 27U);
    EXPECT_THAT(names, testing::Not(testing::Contains("unknown")));
}

}  // namespace
}  // namespace doed::cdat
