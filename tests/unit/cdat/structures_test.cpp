// SPDX-License-Identifier: Apache-2.0
#include "cdat/structures.hpp"

#include "json_tables.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Document decoded(const Bytes& bytes) {
    return decode(Table::parse(bytes));
}

template <typename Body>
Body body_of(const Document& document, std::size_t index) {
    const auto* body = std::get_if<Body>(&document.structures.at(index).body);
    EXPECT_NE(body, nullptr) << index;
    return body != nullptr ? *body : Body{};
}

TEST(ADocument, HasEveryFieldOfEveryStructure) {
    const Document document = decoded(load_vector("good"));
    ASSERT_EQ(document.structures.size(), 9U);
    EXPECT_EQ(body_of<Dsmas>(document, 0), (Dsmas{.handle = 0,
                                                  .flags = Dsmas::non_volatile,
                                                  .dpa_base_bytes = 0,
                                                  .dpa_length_bytes = 16ULL << 30}));
    EXPECT_EQ(body_of<Dslbis>(document, 1),
              (Dslbis{.handle = 0, .data_type = 1, .base_unit = 10000, .entries = {15, 0, 0}}));
    EXPECT_EQ(body_of<Dsemts>(document, 5).dpa_length_bytes, 16ULL << 30);
    EXPECT_EQ(body_of<Dsmscis>(document, 6).cache_size_bytes, 1ULL << 20);
    EXPECT_EQ(body_of<Dsis>(document, 7), (Dsis{.flags = Dsis::memory_attached, .handle = 7}));
    const auto sslbis = body_of<Sslbis>(document, 8);
    EXPECT_EQ(sslbis.base_unit, 1000U);
    ASSERT_EQ(sslbis.entries.size(), 2U);
    EXPECT_EQ(sslbis.entries[0].port_x, SwitchEntry::upstream_port);
    EXPECT_EQ(sslbis.entries[0].value, 1500U);
    EXPECT_THAT(document.rest, IsEmpty());
}

// Each field of a type by itself, in the order of the specification.
TEST(AStructure, HasItsFieldsWhereTheSpecificationPutsThem) {
    Bytes bytes(24);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(0x10 + i);
    }
    const auto as = [&](std::uint8_t type, std::size_t size) {
        bytes[0] = type;
        return decode_structure(std::span(bytes).first(size));
    };
    EXPECT_EQ(std::get<Dsmas>(as(0, 24).body),
              (Dsmas{0x14, 0x15, 0x1716, 0x1F1E1D1C1B1A1918, 0x2726252423222120}));
    EXPECT_EQ(
        std::get<Dslbis>(as(1, 24).body),
        (Dslbis{0x14, 0x15, 0x16, 0x17, 0x1F1E1D1C1B1A1918, {0x2120, 0x2322, 0x2524}, 0x2726}));
    EXPECT_EQ(std::get<Dsmscis>(as(2, 20).body),
              (Dsmscis{0x14, {0x15, 0x16, 0x17}, 0x1F1E1D1C1B1A1918, 0x23222120}));
    EXPECT_EQ(std::get<Dsis>(as(3, 8).body), (Dsis{0x14, 0x15, 0x1716}));
    EXPECT_EQ(std::get<Dsemts>(as(4, 24).body),
              (Dsemts{0x14, 0x15, 0x1716, 0x1F1E1D1C1B1A1918, 0x2726252423222120}));
    EXPECT_EQ(
        std::get<Sslbis>(as(5, 24).body),
        (Sslbis{0x14, {0x15, 0x16, 0x17}, 0x1F1E1D1C1B1A1918, {{0x2120, 0x2322, 0x2524, 0x2726}}}));
    EXPECT_EQ(as(6, 24).reserved, 0x11);
}

TEST(AStructure, KeepsWhatFollowsItsFields) {
    const Document longer = decoded(load_vector("long_dsmas"));
    EXPECT_EQ(longer.structures.at(0).rest.size(), 8U);
    EXPECT_EQ(longer.structures.at(0).length_bytes(), 32U);
    body_of<Dsmas>(longer, 0);

    const Document shorter = decoded(load_vector("short_sslbis"));
    body_of<Opaque>(shorter, 0);
    EXPECT_EQ(shorter.structures.at(0).rest.size(), 8U);

    const Document unknown = decoded(load_vector("unknown_type"));
    body_of<Opaque>(unknown, 1);
    EXPECT_EQ(unknown.structures.at(1).type, 0x80);
}

TEST(ADsmscis, HasItsAttributesInParts) {
    const Dsmscis cache{.attributes = 0x00401213};
    EXPECT_EQ(cache.total_levels(), 3U);
    EXPECT_EQ(cache.level(), 1U);
    EXPECT_EQ(cache.associativity(), 2U);
    EXPECT_EQ(cache.write_policy(), 1U);
    EXPECT_EQ(cache.line_size_bytes(), 64U);
}

TEST(ADocument, EncodesToTheBytesItCameFrom) {
    for (const auto& file : all_files()) {
        const Bytes bytes = load_file(file);
        EXPECT_EQ(encode(decoded(bytes)), bytes) << file;
    }
}

TEST(ADocument, EncodesToItsBytesWhereverTheyWereCutOff) {
    const Bytes good = load_vector("good");
    for (std::size_t size = 0; size <= good.size(); ++size) {
        const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_EQ(encode(decoded(cut)), cut) << size;
    }
}

TEST(ADocument, EncodesToItsBytesWhateverTheyAre) {
    std::mt19937 random(20);
    const Bytes good = load_vector("good");
    for (int round = 0; round < 20000; ++round) {
        // Every other one is a table in which bytes are wrong, so that the walk gets into it.
        Bytes bytes = round % 2 == 0 ? good : Bytes(random() % 200);
        for (std::size_t i = 0; i < (round % 2 == 0 ? random() % 8 : bytes.size()); ++i) {
            bytes[round % 2 == 0 ? random() % bytes.size() : i] =
                static_cast<std::uint8_t>(random());
        }
        ASSERT_EQ(encode(decoded(bytes)), bytes) << round;
    }
}

TEST(ASealedDocument, StatesItsLengthAndAddsUp) {
    Document document = decoded(load_vector("good"));
    document.header->length_bytes = 0;
    document.header->checksum = 0;
    seal(document);
    EXPECT_EQ(encode(document), load_vector("good"));
    document.structures.pop_back();
    seal(document);
    const Table table = Table::parse(encode(document));
    EXPECT_TRUE(table.checksum_valid());
    EXPECT_EQ(table.header().length_bytes, 220U - 32U);
}

TEST(ASealedDocument, StatesWhatItIsTold) {
    Document document = decoded(load_vector("good"));
    seal(document, 1000, std::uint8_t{7});
    EXPECT_EQ(document.header->length_bytes, 1000U);
    EXPECT_EQ(document.header->checksum, 7U);
    seal(document, 20);
    EXPECT_TRUE(Table::parse(encode(document)).checksum_valid());

    Document headless{.header = std::nullopt, .structures = {}, .rest = {1, 2}};
    seal(headless, 5, std::uint8_t{1});
    EXPECT_THAT(encode(headless), ElementsAre(1, 2));
}

}  // namespace
}  // namespace doed::cdat
