// SPDX-License-Identifier: Apache-2.0
//
// How long it takes to take a table apart, printed for docs/performance.md. Nothing here fails for being slow: machines differ.
#include "cdat/json.hpp"
#include "cdat/table_builder.hpp"
#include "cdat_vectors.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

/// The median of several runs.
template <typename Work>
double microseconds_of(const Work& work, int runs) {
    std::vector<double> times;
    for (int i = 0; i < runs; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        times.push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
                .count());
    }
    std::ranges::nth_element(times, times.begin() + runs / 2);
    return times[static_cast<std::size_t>(runs) / 2];
}

void time_table(const char* name, const Bytes& bytes, int runs) {
    Document document;
    const double decoding = microseconds_of([&] { document = decode(Table::parse(bytes)); }, runs);
    EXPECT_EQ(encode(document), bytes);
    const Table table = Table::parse(bytes);
    std::string json;
    const double writing =
        microseconds_of([&] { json = to_json(table, {}, JsonStyle::compact); }, runs);
    std::printf(
        "%s: %zu bytes, %zu structures: decoded in %.1f us, %zu problems; JSON of %zu bytes in "
        "%.1f us\n",
        name, bytes.size(), document.structures.size(), decoding, table.all_problems().size(),
        json.size(), writing);
}

Bytes filled_with(const Bytes& structure) {
    const std::size_t count = (max_table_size_bytes - table_header_size_bytes) / structure.size();
    return build_table(1, 0, Structures(count, structure));
}

TEST(DecodingTime, OfTheDefaultTableOfAnEndpoint) {
    time_table("default endpoint", default_endpoint_table(1ULL << 28), 1001);
}

TEST(DecodingTime, OfTheLongestTables) {
    const Bytes endpoint = default_endpoint_table(1ULL << 28);
    const auto part = [&](std::ptrdiff_t begin) {
        return Bytes(endpoint.begin() + begin, endpoint.begin() + begin + 24);
    };
    time_table("as many DSMAS as there can be", filled_with(part(16)), 11);
    time_table("as many DSLBIS as there can be", filled_with(part(40)), 11);
    time_table("as many structures as there can be", filled_with({9, 0, 4, 0}), 11);
    time_table("as many structures that are too short as there can be", filled_with({0, 0, 4, 0}),
               11);
    Structures different;
    for (unsigned i = 0; 24 * different.size() + 40 <= max_table_size_bytes; ++i) {
        Bytes dslbis = part(40);
        dslbis[4] = static_cast<std::uint8_t>(i);
        dslbis[5] = static_cast<std::uint8_t>(i >> 8);
        dslbis[6] = static_cast<std::uint8_t>(i % 6);
        different.push_back(std::move(dslbis));
    }
    time_table("DSLBIS for all handles, flags and data types", build_table(1, 0, different), 11);
    Bytes sslbis(16 + 8 * 8000);
    sslbis[0] = 5;
    sslbis[2] = static_cast<std::uint8_t>(sslbis.size());
    sslbis[3] = static_cast<std::uint8_t>(sslbis.size() >> 8);
    sslbis[8] = 1;
    Structures switches(16, sslbis);
    for (std::size_t i = 0; i < 16U * 8000U; ++i) {
        Bytes& one = switches[i / 8000];
        const std::size_t at = 16 + 8 * (i % 8000);
        one[at] = static_cast<std::uint8_t>(i % 400);
        one[at + 1] = static_cast<std::uint8_t>(i % 400 >> 8);
        one[at + 2] = static_cast<std::uint8_t>(i / 400);
        one[at + 3] = static_cast<std::uint8_t>(i / 400 >> 8);
        one[at + 4] = 7;
    }
    time_table("a switch of 128000 ways", build_table(1, 0, switches), 5);
}

}  // namespace
}  // namespace doed::cdat
