// SPDX-License-Identifier: Apache-2.0
//
// Reading tables of devices that keep to the protocol, well or less well. For those that do not:
// _broken_test.cpp.
#include "cdat/table_access.hpp"

#include "cdat/table_builder.hpp"
#include "table_device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using doe::Operation;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = ProblemKind;
using Step = Operation::Step;

constexpr std::uint8_t reserved_type = 0x80;

TEST(TableAccess, IsTheCxlProtocolAndSharedByAllWhoAsk) {
    const TableAccessOperation operation;
    EXPECT_EQ(operation.protocol(), doe::protocol_table_access);
    EXPECT_EQ(operation.single_flight_key(), "cdat");
}

TEST(TableAccess, AsksForTheHeaderFirst) {
    TableAccessOperation operation;
    ASSERT_EQ(operation.start(), Step::send);
    EXPECT_THAT(operation.request(), ElementsAre(0U));
}

TEST(TableAccess, AsksForTheHandleItWasGiven) {
    TableAccessOperation operation;
    ASSERT_TRUE(operation.start().has_value());
    const Entry header{.bytes = build_table(1, 0, {}), .next_handle = 0xBEEF};
    ASSERT_EQ(operation.consume(header.payload()), Step::send);
    EXPECT_THAT(operation.request(), ElementsAre(0xBEEF0000U));
}

TEST(TableAccess, ReadsQemusDefaultEndpointTableInSevenExchanges) {
    const Bytes bytes = default_endpoint_table(1ULL << 28);
    ASSERT_EQ(bytes.size(), 160U);
    TableDevice device(bytes);
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.exchanges, 7U);
    EXPECT_EQ(operation.attempts(), 1U);
    EXPECT_EQ(operation.table().bytes(), bytes);
    EXPECT_EQ(operation.table().structures().size(), 6U);
    EXPECT_THAT(operation.table().problems(), IsEmpty());
}

TEST(TableAccess, ReadsQemusDefaultSwitchTableInThreeExchanges) {
    TableDevice device(default_switch_table());
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.exchanges, 3U);
    EXPECT_EQ(operation.table().bytes(), default_switch_table());
}

TEST(TableAccess, ReadsEveryKindOfStructure) {
    for (const char* name : {"good", "unknown_type", "long_dsmas"}) {
        const Bytes bytes = load_vector(name);
        TableDevice device(bytes);
        TableAccessOperation operation;
        ASSERT_TRUE(run(operation, device).has_value()) << name;
        EXPECT_EQ(operation.table().bytes(), bytes) << name;
        EXPECT_THAT(operation.table().problems(), IsEmpty()) << name;
        EXPECT_EQ(operation.attempts(), 1U) << name;
    }
}

TEST(TableAccess, ReadsATableThatIsOnlyAHeader) {
    TableDevice device(build_table(1, 5, {}));
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.exchanges, 1U);
    EXPECT_EQ(operation.table().header().sequence, 5U);
    EXPECT_THAT(operation.table().problems(), IsEmpty());
}

TEST(TableAccess, FollowsHandlesInAnyOrder) {
    TableDevice device(load_vector("unknown_type"));
    device.entries[0xFFFE] = device.entries[1];
    device.entries[7] = device.entries[2];
    device.entries[0x1234] = device.entries[3];
    device.entries[0].next_handle = 0xFFFE;
    device.entries[0xFFFE].next_handle = 7;
    device.entries[7].next_handle = 0x1234;
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(operation.table().bytes(), load_vector("unknown_type"));
}

TEST(TableAccess, ReadsATableOfOneMebibyte) {
    Structures structures(16, make_structure(reserved_type, 0xFFFC));
    structures.push_back(make_structure(reserved_type, 48));
    const Bytes bytes = build_table(1, 0, structures);
    ASSERT_EQ(bytes.size(), max_table_size_bytes);
    TableDevice device(bytes);
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.exchanges, 18U);
    EXPECT_EQ(operation.table().bytes(), bytes);
    EXPECT_THAT(operation.table().problems(), IsEmpty());
}

TEST(TableAccess, ReadsATableThatUsesEveryHandle) {
    const Structures structures(0xFFFE, make_structure(reserved_type, 4));
    const Bytes bytes = build_table(1, 0, structures);
    TableDevice device(bytes);
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.exchanges, 0xFFFFU);
    EXPECT_EQ(operation.table().bytes(), bytes);
}

TEST(TableAccess, CutsOffTheBytesThatFillTheLastDword) {
    for (const std::uint16_t length : {std::uint16_t{5}, std::uint16_t{6}, std::uint16_t{7}}) {
        const Bytes bytes = build_table(
            1, 0,
            Structures{make_structure(reserved_type, length), make_structure(reserved_type, 9)});
        TableDevice device(bytes);
        TableAccessOperation operation;
        ASSERT_TRUE(run(operation, device).has_value()) << length;
        EXPECT_EQ(operation.table().bytes(), bytes) << length;
        EXPECT_THAT(operation.table().problems(), IsEmpty()) << length;
    }
}

TEST(TableAccess, DropsWhatIsSentBeyondAnEntryAndSaysSo) {
    const Bytes bytes = load_vector("good");
    TableDevice device(bytes);
    device.entries[2].bytes.insert(device.entries[2].bytes.end(), {1, 2, 3, 4});
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(operation.attempts(), 1U);
    EXPECT_EQ(operation.table().bytes(), bytes);
    ASSERT_THAT(kinds(operation.table()), ElementsAre(Kind::entry_oversize));
    EXPECT_EQ(to_string(operation.table().problems()[0]),
              "warning at byte 40: the device sent 28 bytes of an entry that has 24; the rest was "
              "dropped");
}

TEST(TableAccess, TakesAnEntryOfZerosForPadding) {
    const Bytes bytes = padded_table();
    TableDevice device(bytes);
    device.append(Bytes(64));
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.exchanges, 4U);
    EXPECT_EQ(operation.table().bytes(), bytes);
    EXPECT_THAT(kinds(operation.table()), ElementsAre(Kind::trailing_padding));
}

TEST(TableAccess, CutsPaddingOffWhereTheTableEnds) {
    Bytes bytes = padded_table();
    bytes.resize(70);
    set_length(bytes, 70);
    TableDevice filled_dword(bytes);
    filled_dword.append(Bytes(8));
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, filled_dword).has_value());
    EXPECT_EQ(operation.table().bytes(), bytes);
    EXPECT_THAT(kinds(operation.table()), ElementsAre(Kind::trailing_padding));

    TableDevice too_much(bytes);
    too_much.append(Bytes(12));
    ASSERT_TRUE(run(operation, too_much).has_value());
    EXPECT_EQ(operation.table().bytes(), bytes);
    EXPECT_THAT(kinds(operation.table()),
                ElementsAre(Kind::entry_oversize, Kind::trailing_padding));
}

// Real cards: Length counts a tail of zeros that no entry brings.
TEST(TableAccess, ReadsATableWithoutItsCountedPaddingTwiceAndServesIt) {
    TableDevice device(padded_table());
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.starts, 2U);
    EXPECT_EQ(device.exchanges, 6U);
    EXPECT_EQ(operation.table().bytes().size(), 64U);
    EXPECT_TRUE(operation.table().checksum_valid());
    ASSERT_THAT(kinds(operation.table()), ElementsAre(Kind::length_mismatch));
    EXPECT_EQ(operation.table().problems()[0].severity, Severity::warning);
    EXPECT_EQ(operation.table().problems()[0].text,
              "the header says the table has 128 bytes, there are 64");
}

TEST(TableAccess, ServesATableThatStaysWrongAfterReadingItTwice) {
    Bytes bytes = load_vector("good");
    bytes.back() = 0x55;
    TableDevice device(bytes);
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.starts, 2U);
    EXPECT_EQ(operation.attempts(), 2U);
    EXPECT_EQ(operation.table().bytes(), bytes);
    EXPECT_FALSE(operation.table().checksum_valid());
    EXPECT_THAT(kinds(operation.table()), ElementsAre(Kind::checksum));
}

TEST(TableAccess, ServesAnEntryThatIsNoStructureAsItCame) {
    Bytes bytes = load_vector("unknown_type");
    TableDevice device(bytes);
    device.entries[2].bytes[2] = 0;
    bytes[42] = 0;
    device.entries[0].bytes[5] = static_cast<std::uint8_t>(bytes[5] + 8);
    fix_checksum(bytes);
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(operation.attempts(), 1U);
    EXPECT_EQ(operation.table().bytes(), bytes);
    EXPECT_THAT(kinds(operation.table()), ElementsAre(Kind::structure_length));
}

TEST(TableAccess, ReadsATableThatChangesUnderItAgain) {
    const Bytes before =
        build_table(1, 1, Structures{make_structure(reserved_type, 8), make_structure(0x81, 8)});
    const Bytes after =
        build_table(1, 2, Structures{make_structure(0x82, 8), make_structure(0x83, 12)});
    TableDevice device(before);
    device.before_answer = [&](std::uint16_t handle) {
        if (handle == 2) {
            device.load(after);
        }
    };
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(operation.attempts(), 2U);
    EXPECT_EQ(device.exchanges, 6U + 1U) << "and the header once more";
    EXPECT_EQ(operation.table().bytes(), after);
    EXPECT_EQ(operation.table().header().sequence, 2U);
    EXPECT_THAT(operation.table().problems(), IsEmpty());
}

// Old and new entries together have the sum of a sound table.
TEST(TableAccess, DoesNotTakeOldAndNewEntriesForATable) {
    const auto with_values = [](std::uint8_t first, std::uint8_t second, std::uint8_t third,
                                std::uint32_t sequence) {
        Structures structures;
        for (const auto value : {first, second, third}) {
            structures.push_back(make_structure(reserved_type, 8));
            structures.back().back() = value;
        }
        return build_table(1, sequence, structures);
    };
    const Bytes before = with_values(10, 20, 30, 7);
    const Bytes after = with_values(11, 21, 29, 8);
    TableDevice device(before);
    device.before_answer = [&](std::uint16_t handle) {
        if (handle == 2) {
            device.load(after);
        }
    };
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(operation.attempts(), 2U);
    EXPECT_EQ(operation.table().bytes(), after);
    EXPECT_THAT(operation.table().problems(), IsEmpty());
}

TEST(TableAccess, SaysThatTheSequenceNeverStoodStill) {
    std::uint32_t sequence = 1;
    TableDevice device;
    device.before_answer = [&](std::uint16_t handle) {
        if (handle == 0) {
            device.load(build_table(1, ++sequence, Structures{make_structure(reserved_type, 8)}));
        }
    };
    device.load(build_table(1, sequence, Structures{make_structure(reserved_type, 8)}));
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(operation.attempts(), 5U);
    ASSERT_FALSE(operation.table().problems().empty());
    EXPECT_THAT(kinds(operation.table()), testing::Each(Kind::changed_while_reading));
}

TEST(TableAccess, ServesATableThatNeverStopsChangingAfterFiveAttempts) {
    Bytes bytes = build_table(1, 1, Structures{make_structure(reserved_type, 8)});
    TableDevice device(bytes);
    device.before_answer = [&](std::uint16_t handle) {
        if (handle == 0) {
            ++device.entries[0].bytes[12];
        }
    };
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.starts, TableAccessOperation::max_attempts);
    EXPECT_EQ(operation.attempts(), 5U);
    EXPECT_EQ(operation.table().header().sequence, 6U);
    EXPECT_THAT(
        kinds(operation.table()),
        ElementsAre(Kind::checksum, Kind::changed_while_reading, Kind::changed_while_reading,
                    Kind::changed_while_reading, Kind::changed_while_reading));
    EXPECT_EQ(to_string(operation.table().problems()[4]),
              "warning at byte 12: the table changed from here on while it was read (sequence 5, "
              "then 6)");
}

TEST(TableAccess, BeginsAnewWhenStartedAgain) {
    TableDevice device(load_vector("good"));
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    ASSERT_EQ(operation.start(), Step::send);
    EXPECT_THAT(operation.request(), ElementsAre(0U));
    EXPECT_TRUE(operation.table().bytes().empty());
    device.load(load_vector("unknown_type"));
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(operation.attempts(), 1U);
    EXPECT_EQ(operation.table().bytes(), load_vector("unknown_type"));
}

}  // namespace
}  // namespace doed::cdat
