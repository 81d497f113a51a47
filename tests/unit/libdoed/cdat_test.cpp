// SPDX-License-Identifier: Apache-2.0
//
// Tables decoded without a bus: every structure and what they say together, as C has it.
#include "../cdat/cdat_vectors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include <doed/cdat.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using cdat::Bytes;

struct CdatEnder {
    void operator()(doed_cdat* cdat) const noexcept { doed_cdat_unref(cdat); }
};
using CdatPtr = std::unique_ptr<doed_cdat, CdatEnder>;

CdatPtr parse(const Bytes& bytes) {
    doed_cdat* raw = nullptr;
    EXPECT_EQ(doed_cdat_parse(bytes.data(), bytes.size(), &raw), 0);
    return CdatPtr(raw);
}

/// One of its kind; zeros when there is none.
template <typename T>
T item(int (*get)(const doed_cdat*, std::size_t, T*), const CdatPtr& cdat, std::size_t index = 0) {
    T value{};
    value.size = sizeof value;
    EXPECT_EQ(get(cdat.get(), index, &value), 0);
    EXPECT_EQ(value.size, sizeof value);
    return value;
}

void put(Bytes& bytes, std::uint64_t value, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }
}

/// A table of one structure of each type.
Bytes whole_table() {
    Bytes bytes(16);
    bytes[4] = 1;
    bytes[12] = 5;
    // DSMAS: handle 7, non-volatile and shareable.
    put(bytes, 0x00180000, 4);
    put(bytes, 0x0C07, 4);
    put(bytes, 0x1000, 8);
    put(bytes, 0x8000, 8);
    // DSLBIS: access latency of 100 ps x 15.
    put(bytes, 0x00180001, 4);
    put(bytes, 0x00000007, 4);
    put(bytes, 100, 8);
    put(bytes, 15, 8);
    // DSLBIS: read bandwidth, unreachable.
    put(bytes, 0x00180001, 4);
    put(bytes, 0x00040007, 4);
    put(bytes, 1, 8);
    put(bytes, 0xFFFF, 8);
    // DSMSCIS: level 1 of 1, direct mapped, write through, lines of 64.
    put(bytes, 0x00140002, 4);
    put(bytes, 7, 4);
    put(bytes, 4096, 8);
    put(bytes, 0x00402111, 4);
    // DSIS: an initiator of its own, handle 9.
    put(bytes, 0x00080003, 4);
    put(bytes, 0x0900, 4);
    // DSEMTS: the first 2 KiB are reserved.
    put(bytes, 0x00180004, 4);
    put(bytes, 0x0207, 4);
    put(bytes, 0, 8);
    put(bytes, 0x800, 8);
    // SSLBIS: read latency, from upstream to port 3: too much for 64 bits.
    put(bytes, 0x00180005, 4);
    put(bytes, 1, 4);
    put(bytes, UINT64_MAX, 8);
    put(bytes, 0x0100, 2);
    put(bytes, 3, 2);
    put(bytes, 2, 4);
    cdat::set_length(bytes, static_cast<std::uint32_t>(bytes.size()));
    cdat::fix_checksum(bytes);
    return bytes;
}

TEST(ADecodedTable, HasItsHeaderAndBytes) {
    const Bytes bytes = whole_table();
    const auto cdat = parse(bytes);
    doed_table_header header{};
    header.size = sizeof header;
    ASSERT_EQ(doed_cdat_header(cdat.get(), &header), 0);
    EXPECT_EQ(header.length, bytes.size());
    EXPECT_EQ(header.revision, 1);
    EXPECT_EQ(header.sequence, 5U);
    EXPECT_TRUE(header.checksum_valid);
    std::size_t size = 0;
    const auto* copy = doed_cdat_bytes(cdat.get(), &size);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), copy, copy + size));
}

TEST(ADecodedTable, HasEveryStructureWithItsUnits) {
    const auto cdat = parse(whole_table());

    const auto dsmas = item(doed_cdat_dsmas, cdat);
    EXPECT_EQ(dsmas.handle, 7);
    EXPECT_EQ(dsmas.flags, DOED_MEMORY_NON_VOLATILE | DOED_MEMORY_SHAREABLE);
    EXPECT_EQ(dsmas.dpa_base, 0x1000U);
    EXPECT_EQ(dsmas.dpa_length, 0x8000U);
    EXPECT_EQ(dsmas.offset, 16U);

    const auto latency = item(doed_cdat_dslbis, cdat);
    EXPECT_EQ(latency.data_type, DOED_ACCESS_LATENCY);
    EXPECT_EQ(latency.base_unit, 100U);
    EXPECT_EQ(latency.entries[0], 15);
    EXPECT_TRUE(doed_value_given(latency.values[0]));
    EXPECT_EQ(latency.values[0].amount, 1500U);
    EXPECT_EQ(latency.values[1].kind, static_cast<unsigned>(DOED_VALUE_NOT_PROVIDED));
    const auto bandwidth = item(doed_cdat_dslbis, cdat, 1);
    EXPECT_EQ(bandwidth.values[0].kind, static_cast<unsigned>(DOED_VALUE_UNREACHABLE));
    EXPECT_EQ(bandwidth.values[0].amount, 0U);

    const auto cache = item(doed_cdat_dsmscis, cdat);
    EXPECT_EQ(cache.cache_size, 4096U);
    EXPECT_EQ(cache.line_size, 64U);
    EXPECT_EQ(cache.level, 1);
    EXPECT_EQ(cache.total_levels, 1);
    EXPECT_EQ(cache.associativity, 1);
    EXPECT_EQ(cache.write_policy, 2);

    EXPECT_EQ(item(doed_cdat_dsis, cdat).handle, 9);
    const auto part = item(doed_cdat_dsemts, cdat);
    EXPECT_EQ(part.memory_type, 2);
    EXPECT_EQ(part.dpa_length, 0x800U);

    EXPECT_EQ(item(doed_cdat_sslbis, cdat).entry_count, 1U);
    doed_sslbis_entry entry{};
    entry.size = sizeof entry;
    ASSERT_EQ(doed_cdat_sslbis_entry(cdat.get(), 0, 0, &entry), 0);
    EXPECT_EQ(entry.port_x, DOED_PORT_UPSTREAM);
    EXPECT_EQ(entry.port_y, 3);
    EXPECT_EQ(entry.value.kind, static_cast<unsigned>(DOED_VALUE_OVERFLOW));
    EXPECT_EQ(doed_cdat_sslbis_entry(cdat.get(), 0, 1, &entry), -ENOENT);
    EXPECT_EQ(doed_cdat_sslbis_entry(cdat.get(), 1, 0, &entry), -ENOENT);

    std::string types;
    doed_table_structure structure{};
    structure.size = sizeof structure;
    for (std::size_t i = 0; doed_cdat_structure(cdat.get(), i, &structure) == 0; ++i) {
        types += std::to_string(structure.type);
    }
    EXPECT_EQ(types, "0112345");
}

TEST(ADecodedTable, HasASummary) {
    const auto cdat = parse(whole_table());
    const auto range = item(doed_cdat_range, cdat);
    EXPECT_EQ(range.handle, 7);
    EXPECT_EQ(range.dpa_length, 0x8000U);
    EXPECT_EQ(range.read_latency.amount, 1500U);
    EXPECT_EQ(range.read_latency.data_type, static_cast<unsigned>(DOED_ACCESS_LATENCY));
    EXPECT_EQ(range.read_bandwidth.kind, static_cast<unsigned>(DOED_VALUE_UNREACHABLE));
    EXPECT_FALSE(doed_value_given(range.write_bandwidth));
    EXPECT_EQ(range.cache_count, 1U);
    EXPECT_EQ(range.part_count, 1U);
    EXPECT_FALSE(range.initiator_attached);

    doed_cache cache{};
    cache.size = sizeof cache;
    ASSERT_EQ(doed_cdat_range_cache(cdat.get(), 0, 0, &cache), 0);
    EXPECT_EQ(cache.cache_size, 4096U);
    EXPECT_EQ(doed_cdat_range_cache(cdat.get(), 0, 1, &cache), -ENOENT);
    doed_dsemts part{};
    part.size = sizeof part;
    ASSERT_EQ(doed_cdat_range_part(cdat.get(), 0, 0, &part), 0);
    EXPECT_EQ(part.memory_type, 2);
    EXPECT_EQ(item(doed_cdat_initiator, cdat).handle, 9);
    const auto pair = item(doed_cdat_port_pair, cdat);
    EXPECT_EQ(pair.port_x, DOED_PORT_UPSTREAM);
    EXPECT_EQ(pair.read_latency.kind, static_cast<unsigned>(DOED_VALUE_OVERFLOW));
}

TEST(ADecodedTable, ListsWhatIsWrongWithIt) {
    Bytes bytes = whole_table();
    bytes[5] ^= 1;
    const auto cdat = parse(bytes);
    const auto problem = item(doed_cdat_problem, cdat);
    EXPECT_STREQ(problem.kind, "checksum");
    EXPECT_EQ(problem.severity, static_cast<unsigned>(DOED_SEVERITY_ERROR));
    EXPECT_GT(std::strlen(problem.text), 0U);
}

TEST(AnyBytes, AreATable) {
    const auto none = parse({});
    doed_table_problem problem{};
    problem.size = sizeof problem;
    EXPECT_EQ(doed_cdat_problem(none.get(), 0, &problem), 0);
    std::size_t size = 1;
    EXPECT_NE(doed_cdat_bytes(none.get(), &size), nullptr);
    EXPECT_EQ(size, 0U);

    doed_cdat* raw = nullptr;
    const Bytes huge((1U << 20) + 1);
    EXPECT_EQ(doed_cdat_parse(huge.data(), huge.size(), &raw), -E2BIG);
    EXPECT_EQ(doed_cdat_parse(nullptr, 1, &raw), -EINVAL);
    EXPECT_EQ(doed_cdat_parse(huge.data(), 1, nullptr), -EINVAL);
}

TEST(AStructure, GrowsWithoutItsOldUsersNoticing) {
    const auto cdat = parse(whole_table());
    // One that ends after dpa_base.
    struct Old {
        std::size_t size;
        std::uint64_t dpa_base;
        std::uint64_t untouched;
    } old{2 * sizeof(std::uint64_t), 0, 42};
    ASSERT_EQ(doed_cdat_dsmas(cdat.get(), 0, reinterpret_cast<doed_dsmas*>(&old)), 0);
    EXPECT_EQ(old.dpa_base, 0x1000U);
    EXPECT_EQ(old.size, 2 * sizeof(std::uint64_t));
    EXPECT_EQ(old.untouched, 42U);

    // And one of a later library's header.
    struct New {
        doed_dsmas known;
        std::uint64_t more;
    } later{{}, 42};
    later.known.size = sizeof later;
    ASSERT_EQ(doed_cdat_dsmas(cdat.get(), 0, &later.known), 0);
    EXPECT_EQ(later.known.size, sizeof(doed_dsmas));
    EXPECT_EQ(later.more, 0U);

    doed_dsmas unset{};
    EXPECT_EQ(doed_cdat_dsmas(cdat.get(), 0, &unset), -EINVAL);
    EXPECT_EQ(doed_cdat_dsmas(cdat.get(), 0, nullptr), -EINVAL);
    EXPECT_EQ(doed_cdat_dsmas(nullptr, 0, &unset), -EINVAL);
    EXPECT_EQ(doed_cdat_dsmas(cdat.get(), 1, &unset), -ENOENT);
}

}  // namespace
}  // namespace doed::client
