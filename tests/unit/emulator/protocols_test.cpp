// SPDX-License-Identifier: Apache-2.0
#include "cdat/table_builder.hpp"
#include "emulator/environment.hpp"
#include "emulator/protocols/discovery_responder.hpp"
#include "emulator/protocols/echo_responder.hpp"
#include "emulator/protocols/spdm_error_responder.hpp"
#include "emulator/protocols/table_access_responder.hpp"
#include "register_driver.hpp"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using testing::ElementsAre;
using testing::Optional;

constexpr doe::Protocol cma{0x0001, 0x01};
constexpr doe::Protocol table_access{0x1E98, 0x02};

TEST(Discovery, ListsItselfFirstAndEndsWithNextIndexZero) {
    DiscoveryResponder discovery(1, {table_access, cma});
    EXPECT_THAT(discovery.respond(Dwords{0}), Optional(ElementsAre(0x01000001U)));
    EXPECT_THAT(discovery.respond(Dwords{1}), Optional(ElementsAre(0x02021E98U)));
    EXPECT_THAT(discovery.respond(Dwords{2}), Optional(ElementsAre(0x00010001U)));
}

TEST(Discovery, OfAnInstanceWithNothingElseListsOnlyItself) {
    DiscoveryResponder discovery(1, {});
    EXPECT_THAT(discovery.respond(Dwords{0}), Optional(ElementsAre(0x00000001U)));
}

TEST(Discovery, AnswersAnIndexPastTheEndWithVendorFFFF) {
    DiscoveryResponder discovery(1, {table_access});
    EXPECT_THAT(discovery.respond(Dwords{2}), Optional(ElementsAre(0x00FFFFFFU)));
    EXPECT_THAT(discovery.respond(Dwords{255}), Optional(ElementsAre(0x00FFFFFFU)));
}

TEST(Discovery, OfVersionOneDoesNotLookAtTheVersionAskedFor) {
    DiscoveryResponder discovery(1, {cma});
    EXPECT_THAT(discovery.respond(Dwords{0x0201}), Optional(ElementsAre(0x00010001U)));
}

TEST(Discovery, OfVersionTwoAddsTheMaximumLengthForSpdmWhenAskedForVersionTwo) {
    DiscoveryResponder discovery(2, {cma, table_access});
    EXPECT_THAT(discovery.respond(Dwords{0x0201}), Optional(ElementsAre(0x02010001U, 0x400U)));
    EXPECT_THAT(discovery.respond(Dwords{0x0001}), Optional(ElementsAre(0x02010001U)));
    EXPECT_THAT(discovery.respond(Dwords{0x0202}), Optional(ElementsAre(0x00021E98U)));
    EXPECT_THAT(discovery.respond(Dwords{0x0200}), Optional(ElementsAre(0x01000001U)));
}

TEST(Discovery, IsSilentWhenTheRequestIsNotOneDword) {
    DiscoveryResponder discovery(1, {});
    EXPECT_EQ(discovery.respond(Dwords{}), std::nullopt);
    EXPECT_EQ(discovery.respond(Dwords{0, 0}), std::nullopt);
}

TEST(TableAccess, SplitsATableIntoItsHeaderAndItsStructures) {
    EXPECT_EQ(TableAccessResponder(cdat::default_endpoint_table(256ULL << 20)).entry_count(), 7U);
    EXPECT_EQ(TableAccessResponder(cdat::default_switch_table()).entry_count(), 3U);
}

TEST(TableAccess, GivesEachEntryWithTheHandleOfTheNext) {
    const std::vector<std::uint8_t> table{
        24, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0,  // header
        9,  0, 4, 0,                                      // a structure of nothing
        9,  0, 4, 0,
    };
    TableAccessResponder access(table);
    EXPECT_THAT(access.respond(Dwords{0x00000000}),
                Optional(ElementsAre(0x00010000U, 24U, 1U, 0U, 7U)));
    EXPECT_THAT(access.respond(Dwords{0x00010000}),
                Optional(ElementsAre(0x00020000U, 0x00040009U)));
    EXPECT_THAT(access.respond(Dwords{0x00020000}),
                Optional(ElementsAre(0xFFFF0000U, 0x00040009U)));
}

TEST(TableAccess, IsSilentForWhatItDoesNotHave) {
    TableAccessResponder access(cdat::default_switch_table());
    EXPECT_NE(access.respond(Dwords{0x00020000}), std::nullopt);
    EXPECT_EQ(access.respond(Dwords{0x00030000}), std::nullopt) << "no such handle";
    EXPECT_EQ(access.respond(Dwords{0xFFFF0000}), std::nullopt) << "the end is no handle";
    EXPECT_EQ(access.respond(Dwords{0x00000001}), std::nullopt) << "no such request code";
    EXPECT_EQ(access.respond(Dwords{0x00000100}), std::nullopt) << "no such table";
    EXPECT_EQ(access.respond(Dwords{}), std::nullopt);
    EXPECT_EQ(access.respond(Dwords{0, 0}), std::nullopt);
}

std::vector<std::uint8_t> table_that_goes_on_with(const std::vector<std::uint8_t>& rest) {
    std::vector<std::uint8_t> table(16 + rest.size(), 0x11);
    std::ranges::copy(rest, table.begin() + 16);
    return table;
}

TEST(TableAccess, ServesAStructureWithAnImpossibleLengthAsItIs) {
    for (const std::vector<std::uint8_t>& rest : std::vector<std::vector<std::uint8_t>>{
             {0, 0, 0, 0, 0, 0, 0, 0},  // length 0: padding
             {0, 0, 3, 0, 0, 0, 0, 0},  // shorter than its own header
             {0, 0, 9, 0, 0, 0, 0, 0},  // longer than the table
         }) {
        TableAccessResponder access(table_that_goes_on_with(rest));
        EXPECT_EQ(access.entry_count(), 2U);
        EXPECT_THAT(access.respond(Dwords{0x00010000}),
                    Optional(ElementsAre(0xFFFF0000U, std::uint32_t{rest[2]} << 16, 0U)));
    }
}

TEST(TableAccess, PadsTheLastDwordWithZeros) {
    TableAccessResponder access(table_that_goes_on_with({1, 2}));
    EXPECT_THAT(access.respond(Dwords{0x00010000}), Optional(ElementsAre(0xFFFF0000U, 0x0201U)));
}

TEST(TableAccess, CutsALongBrokenRestIntoPieces) {
    TableAccessResponder access(table_that_goes_on_with(std::vector<std::uint8_t>(0x10000, 0)));
    EXPECT_EQ(access.entry_count(), 3U);
    const auto piece = access.respond(Dwords{0x00010000});
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->size(), 1U + 0xFFFC / 4);
    EXPECT_EQ(piece->front(), 0x00020000U);
}

TEST(TableAccess, OfNoTableIsSilent) {
    TableAccessResponder access(std::span<const std::uint8_t>{});
    EXPECT_EQ(access.entry_count(), 0U);
    EXPECT_EQ(access.respond(Dwords{0}), std::nullopt);
}

TEST(Spdm, IsAnsweredWithUnsupportedRequestForEachRequestCode) {
    SpdmErrorResponder spdm;
    EXPECT_EQ(spdm.protocol(), cma);
    EXPECT_THAT(spdm.respond(Dwords{0x00008410}), Optional(ElementsAre(0x84077F10U)))
        << "GET_VERSION";
    EXPECT_THAT(spdm.respond(Dwords{0x0000E011, 0, 0}), Optional(ElementsAre(0xE0077F10U)))
        << "GET_MEASUREMENTS";
    EXPECT_EQ(spdm.respond(Dwords{}), std::nullopt);
}

TEST(Echo, SendsBackWhatItGets) {
    EchoResponder echo;
    EXPECT_EQ(echo.protocol().to_string(), "d0ed:42");
    EXPECT_THAT(echo.respond(Dwords{1, 2, 3}), Optional(ElementsAre(1U, 2U, 3U)));
    EXPECT_THAT(echo.respond(Dwords{}), Optional(testing::IsEmpty()));
}

// A whole table, read at register level: what CXL r3.1 8.1.11.1 asks of a requester.
TEST(TableAccess, YieldsTheTableByteForByteThroughTheRegisters) {
    const std::vector<std::uint8_t> table = cdat::default_endpoint_table(256ULL << 20);
    std::vector<std::unique_ptr<Responder>> responders;
    responders.push_back(std::make_unique<TableAccessResponder>(table));
    VirtualClock clock;
    RegisterDriver doe(clock, {}, std::move(responders));
    std::vector<std::uint8_t> read;
    for (std::uint32_t handle = 0; handle != 0xFFFF;) {
        const Dwords object = doe.exchange({0x00021E98, 3, handle << 16});
        ASSERT_GT(object.size(), 3U);
        ASSERT_EQ(object[0], 0x00021E98U);
        ASSERT_EQ(object[1], object.size());
        handle = object[2] >> 16;
        for (std::size_t i = 3; i < object.size(); ++i) {
            for (unsigned shift = 0; shift < 32; shift += 8) {
                read.push_back(static_cast<std::uint8_t>(object[i] >> shift));
            }
        }
    }
    EXPECT_EQ(read, table);
    EXPECT_EQ(std::accumulate(read.begin(), read.end(), 0U) % 256, 0U);
}

}  // namespace
}  // namespace doed::emulator
