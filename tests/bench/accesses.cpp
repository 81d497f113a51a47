// SPDX-License-Identifier: Apache-2.0
//
// Config accesses of each policy: for the table that QEMU makes up for a CXL memory device, 7 entries, 160 bytes; and for one
// exchange, as what it takes beside the response and for each of its dwords. Counts, the same on every machine and in every
// run. The device answers within the first look.
#include "bench/made_table.hpp"
#include "bench/policies.hpp"
#include "cdat/table_builder.hpp"

#include <span>

namespace doed::bench {
namespace {

std::unique_ptr<Policy> on_device(PolicyKind kind, std::span<const std::uint8_t> table) {
    return make_policy(kind,
                       {std::make_shared<MeasuredDevice>(table, emulator::ResponseTimeRange{}, 1)});
}

void count_table(PolicyKind kind) {
    const auto run = on_device(kind, cdat::default_endpoint_table(256U << 20))->read_tables();
    print({{"bench", "accesses"},
           {"policy", name_of(kind)},
           {"exchanges", run.counts.exchanges},
           {"accesses", run.counts.accesses}});
}

/// Of an exchange of an operation, whose response has `response_dw` with its header.
struct ExchangeAccesses {
    std::int64_t response_dw = 0;
    std::int64_t first = 0;      ///< alone, or before others
    std::int64_t following = 0;  ///< after another
};

/// With a table of one structure, which the response carries.
ExchangeAccesses count_exchange(PolicyKind kind, std::size_t structure_bytes) {
    constexpr std::size_t header_bytes = 16;
    constexpr std::uint16_t structure_handle = 1;
    const auto policy = on_device(kind, make_table(header_bytes + structure_bytes));
    const auto header = policy->exchange({.exchanges_max = 1}).counts;
    const auto structure = policy->exchange({.exchanges_max = 1}, structure_handle).counts;
    // The header's exchanges, of which Linux makes two, and the structure's.
    const auto table = policy->read_tables().counts;
    // Before the structure there are the data object's header and the dword that names the next entry.
    return {.response_dw = static_cast<std::int64_t>(3 + structure_bytes / 4),
            .first = static_cast<std::int64_t>(structure.accesses),
            .following = static_cast<std::int64_t>(table.accesses -
                                                   (table.exchanges - 1) * header.accesses)};
}

void print_exchange(PolicyKind kind, const char* place, const ExchangeAccesses& shorter,
                    const ExchangeAccesses& longer, std::int64_t ExchangeAccesses::* accesses) {
    const std::int64_t per_dword =
        (longer.*accesses - shorter.*accesses) / (longer.response_dw - shorter.response_dw);
    print({{"bench", "exchange"},
           {"policy", name_of(kind)},
           {"place", place},
           {"per_dword", per_dword},
           {"beside", shorter.*accesses - per_dword * shorter.response_dw}});
}

}  // namespace
}  // namespace doed::bench

int main() {
    using namespace doed::bench;
    for (const auto kind : all_policies) {
        count_table(kind);
        const auto shorter = count_exchange(kind, 24);
        const auto longer = count_exchange(kind, 4096);
        print_exchange(kind, "first", shorter, longer, &ExchangeAccesses::first);
        print_exchange(kind, "following", shorter, longer, &ExchangeAccesses::following);
    }
    return 0;
}
