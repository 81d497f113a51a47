// SPDX-License-Identifier: Apache-2.0
//
// Devices that break the table access protocol: read again a few times, then an error that says
// what was wrong, unless some attempt came to the end of its chain.
#include "cdat/table_access.hpp"
#include "cdat/table_builder.hpp"
#include "table_device.hpp"

#include <functional>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = ProblemKind;

constexpr std::uint8_t reserved_type = 0x80;

struct Breach {
    const char* name;
    std::function<void(TableDevice&)> commit;
    unsigned exchanges_per_attempt;
    std::string context;
};

// On a device with the table "unknown_type": 72 bytes, DSMAS at handle 1, 8 bytes at 2, DSEMTS at
// 3.
const Breach breaches[] = {
    {"AResponseWithoutPayload",
     [](TableDevice& device) { device.alter_payload = [](auto& payload) { payload.clear(); }; }, 1,
     "CDAT entry 0x0000: a response without payload"},
    {"AResponseCodeInTheHeader", [](TableDevice& device) { device.entries[0].response_code = 1; },
     1, "CDAT entry 0x0000: response code 0x01, not 0x00"},
    {"AResponseCodeLater", [](TableDevice& device) { device.entries[2].response_code = 0xFF; }, 3,
     "CDAT entry 0x0002: response code 0xff, not 0x00"},
    {"AnotherTableType", [](TableDevice& device) { device.entries[1].table_type = 1; }, 2,
     "CDAT entry 0x0001: table type 0x01, not 0x00 (CDAT)"},
    {"NoHeader", [](TableDevice& device) { device.entries[0].bytes.clear(); }, 1,
     "CDAT entry 0x0000: a table header of 0 bytes, not 16"},
    {"AShortHeader", [](TableDevice& device) { device.entries[0].bytes.resize(12); }, 1,
     "CDAT entry 0x0000: a table header of 12 bytes, not 16"},
    {"ALongHeader", [](TableDevice& device) { device.entries[0].bytes.resize(20); }, 1,
     "CDAT entry 0x0000: a table header of 20 bytes, not 16"},
    {"LengthZero", [](TableDevice& device) { set_length(device.entries[0].bytes, 0); }, 1,
     "CDAT entry 0x0000: the header says the table has 0 bytes, not 16 to 1048576"},
    {"LengthBelowTheHeader", [](TableDevice& device) { set_length(device.entries[0].bytes, 15); },
     1, "CDAT entry 0x0000: the header says the table has 15 bytes, not 16 to 1048576"},
    {"LengthAboveOneMebibyte",
     [](TableDevice& device) { set_length(device.entries[0].bytes, 0x100001); }, 1,
     "CDAT entry 0x0000: the header says the table has 1048577 bytes, not 16 to 1048576"},
    {"NoStructure", [](TableDevice& device) { device.entries[1].bytes.clear(); }, 2,
     "CDAT entry 0x0001: a response without structure"},
    {"ATruncatedStructure", [](TableDevice& device) { device.entries[1].bytes.resize(20); }, 2,
     "CDAT entry 0x0001: a structure of 24 bytes in a response that has 20 of them"},
    {"AHandleThatNamesItself", [](TableDevice& device) { device.entries[2].next_handle = 2; }, 3,
     "CDAT entry 0x0002: the next handle, 0x0002, was there before"},
    {"AHandleThatNamesTheHeader", [](TableDevice& device) { device.entries[1].next_handle = 0; }, 2,
     "CDAT entry 0x0001: the next handle, 0x0000, was there before"},
    {"ALoopOfHandles", [](TableDevice& device) { device.entries[3].next_handle = 1; }, 4,
     "CDAT entry 0x0003: the next handle, 0x0001, was there before"},
    {"MoreBytesThanLength",
     [](TableDevice& device) { device.append(make_structure(reserved_type, 4)); }, 5,
     "CDAT entry 0x0004: the entries have more bytes than the 72 that the header says"},
    {"ALastStructureBeyondLength",
     [](TableDevice& device) { set_length(device.entries[0].bytes, 71); }, 4,
     "CDAT entry 0x0003: the entries have more bytes than the 71 that the header says"},
    {"PaddingBeyondLength", [](TableDevice& device) { device.append(Bytes(4)); }, 5,
     "CDAT entry 0x0004: an entry of zeros after the 72 bytes that the header says"},
};

class TableAccessMeeting : public testing::TestWithParam<Breach> {};

TEST_P(TableAccessMeeting, FailsAfterFiveAttemptsAndSaysWhy) {
    TableDevice device(load_vector("unknown_type"));
    GetParam().commit(device);
    TableAccessOperation operation;
    const auto result = run(operation, device);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code(), base::Errc::malformed);
    EXPECT_EQ(result.error().context(), GetParam().context + " (the last of 5 attempts)");
    EXPECT_EQ(device.starts, 5U);
    EXPECT_EQ(device.exchanges, 5 * GetParam().exchanges_per_attempt);
    EXPECT_TRUE(operation.table().bytes().empty());
}

TEST_P(TableAccessMeeting, ForgivesItOnce) {
    TableDevice device(load_vector("unknown_type"));
    GetParam().commit(device);
    device.before_answer = [&](std::uint16_t handle) {
        if (handle == 0 && device.starts == 2) {
            device.load(load_vector("unknown_type"));
            device.alter_payload = nullptr;
        }
    };
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(operation.attempts(), 2U);
    EXPECT_EQ(operation.table().bytes(), load_vector("unknown_type"));
    EXPECT_THAT(operation.table().problems(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Breaches, TableAccessMeeting, testing::ValuesIn(breaches),
                         [](const auto& breach) { return std::string(breach.param.name); });

TEST(TableAccess, ServesTheTableThatCameToItsEndWhenLaterAttemptsBreakOff) {
    Bytes bytes = load_vector("unknown_type");
    bytes[5] ^= 1;
    TableDevice device(bytes);
    device.before_answer = [&](std::uint16_t handle) {
        if (handle == 2 && device.starts > 1) {
            device.entries[2].response_code = 1;
        }
    };
    TableAccessOperation operation;
    ASSERT_TRUE(run(operation, device).has_value());
    EXPECT_EQ(device.starts, 5U);
    EXPECT_EQ(operation.table().bytes(), bytes);
    EXPECT_THAT(kinds(operation.table()),
                ElementsAre(Kind::checksum, Kind::attempt_broken, Kind::attempt_broken,
                            Kind::attempt_broken, Kind::attempt_broken));
    EXPECT_THAT(operation.table().problems()[4].text,
                HasSubstr("CDAT entry 0x0002: response code 0x01"));
}

// A device that sends anything: the operation ends, asks only for handles it was given, keeps to
// its limits.
TEST(TableAccess, EndsWhateverTheDeviceSends) {
    unsigned served = 0;
    unsigned refused = 0;
    for (std::uint32_t seed = 0; seed < 3000; ++seed) {
        std::mt19937 engine(seed);
        const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
        TableDevice device(load_vector("good"));
        device.alter_payload = [&](std::vector<std::uint32_t>& payload) {
            // Every other device is a very bad one.
            if (random() % (seed % 2 == 0 ? 12 : 3) != 0) {
                return;
            }
            switch (random() % 4) {
                case 0: payload[random() % payload.size()] ^= 1U << random() % 32; break;
                case 1: payload.resize(random() % 12); break;
                case 2: payload[0] = (random() % 12) << 16; break;
                default: payload.back() = random(); break;
            }
        };
        TableAccessOperation operation;
        const auto result = run(operation, device);
        (result ? served : refused) += 1;
        ASSERT_LE(operation.attempts(), 5U) << seed;
        ASSERT_LE(device.starts, 2U * 5U) << seed << ": a header at the beginning and at the end";
        ASSERT_LE(operation.table().bytes().size(), max_table_size_bytes) << seed;
        ASSERT_EQ(result.has_value(), !operation.table().bytes().empty()) << seed;
        ASSERT_TRUE(result.has_value() || result.error().code() == base::Errc::malformed) << seed;
        const Table& table = operation.table();
        if (result && table.problems().empty()) {
            ASSERT_TRUE(table.checksum_valid()) << seed;
            ASSERT_EQ(table.header().length_bytes, table.bytes().size()) << seed;
        }
    }
    EXPECT_GT(served, 100U);
    EXPECT_GT(refused, 100U);
}

}  // namespace
}  // namespace doed::cdat
