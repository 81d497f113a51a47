// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a CDAT: taken apart, put together again, as JSON and back, and shown as doectl shows it.
#include "cdat/fields.hpp"
#include "cdat/json.hpp"
#include "cdat/summary.hpp"
#include "cdat/table.hpp"
#include "client/cdat_reading.hpp"
#include "client/render_cdat.hpp"
#include "client/render_cdat_summary.hpp"
#include "client/render_json.hpp"
#include "fuzz/target.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace {

using doed::cdat::Table;

void check_structures(const Table& table) {
    std::size_t end = doed::cdat::table_header_size_bytes;
    for (const auto& structure : table.structures()) {
        DOED_ASSERT(structure.offset_bytes == end);
        DOED_ASSERT(structure.length_bytes >= doed::cdat::structure_header_size_bytes);
        end += structure.length_bytes;
        DOED_ASSERT(end <= table.bytes().size());
        DOED_ASSERT(table.bytes_of(structure).size() == structure.length_bytes);
    }
}

// What is called sound adds up, by a count of our own.
void check_sum(const Table& table) {
    if (table.checksum_valid() && table.header().length_bytes == table.bytes().size()) {
        const auto sum = std::accumulate(table.bytes().begin(), table.bytes().end(), 0U);
        DOED_ASSERT((sum & 0xFFU) == 0);
    }
}

// Fields are all bytes of the table, one behind the other.
void check_fields(const Table& table) {
    std::size_t end = 0;
    const auto follow = [&end](const std::vector<doed::cdat::Field>& fields) {
        for (const auto& field : fields) {
            DOED_ASSERT(field.offset_bytes == end && field.size_bytes > 0);
            end += field.size_bytes;
        }
    };
    follow(doed::cdat::header_fields(table));
    for (const auto& structure : table.structures()) {
        follow(structure_fields(table, structure, doed::cdat::EntryFields::parts));
        end = structure.offset_bytes;
        follow(structure_fields(table, structure, doed::cdat::EntryFields::whole));
    }
    follow(doed::cdat::rest_fields(table));
    DOED_ASSERT(end == table.bytes().size());
}

// Decoding loses nothing, whatever the bytes mean.
void check_round_trips(const Table& table) {
    const auto document = doed::cdat::decode(table);
    DOED_ASSERT(doed::cdat::encode(document) == table.bytes());
    DOED_ASSERT(doed::cdat::summarize(document).ranges.size() <= document.structures.size());
    const auto json = doed::cdat::to_json(table, {}, doed::cdat::JsonStyle::compact);
    auto parsed = doed::base::JsonDocument::parse(json, "table");
    DOED_ASSERT(parsed.has_value());
    const auto bytes = doed::cdat::from_json(*parsed);
    if (table.bytes().size() <= doed::cdat::max_table_size_bytes) {
        DOED_ASSERT(bytes && *bytes == table.bytes());
    } else {
        DOED_ASSERT(!bytes && bytes.error().code() == doed::base::Errc::too_large);
    }
}

bool is_plain(char letter) {
    return letter == '\n' || (letter >= ' ' && letter <= '~');
}

void check_rendering(const Table& table) {
    doed::client::CdatRecord record;
    const auto reading = doed::client::make_cdat_reading("0000:0d:00.0/190", record, table.bytes());
    const auto json = doed::client::json_of_cdat(reading, doed::client::JsonStyle::compact);
    DOED_ASSERT(json && std::ranges::all_of(*json, is_plain));
    for (const auto& text :
         {doed::client::render_cdat(reading, true), doed::client::render_cdat_hex(reading, true),
          doed::client::render_cdat_summary(reading, true),
          doed::client::render_host_summary(std::span(&reading, 1), true),
          doed::client::render_cdat_problems(std::span(&reading, 1), true)}) {
        DOED_ASSERT(!text.empty() && std::ranges::all_of(text, is_plain));
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const Table table = Table::parse({data, data + size_bytes});
    DOED_ASSERT(table.bytes().size() == size_bytes);
    DOED_ASSERT(table.problems().size() <= doed::cdat::ProblemList::limit + 1);
    for (const auto& problem : table.all_problems()) {
        DOED_ASSERT(!problem.text.empty() && !to_string(problem).empty());
    }
    check_structures(table);
    check_sum(table);
    check_fields(table);
    check_round_trips(table);
    check_rendering(table);
    return 0;
}
