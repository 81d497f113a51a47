// SPDX-License-Identifier: Apache-2.0
//
// The functions of doed/cdat.h about what the structures of a table say together.
#include "client/libdoed/boundary.hpp"
#include "client/libdoed/cdat_values.hpp"
#include "client/libdoed/handles.hpp"

#include <doed/cdat.h>

using doed::cdat::Summary;
using doed::client::at_index;
using doed::client::fill;
using doed::client::take_performance;

namespace {

const Summary* summary_of(const doed_cdat* cdat) noexcept {
    return cdat != nullptr ? &cdat->summary : nullptr;
}

}  // namespace

extern "C" {

int doed_cdat_range(const doed_cdat* cdat, size_t index, struct doed_memory_range* ret) {
    return at_index(summary_of(cdat), &Summary::ranges, index, [&](const auto& range) {
        doed_memory_range value{};
        value.dpa_base = range.dsmas.dpa_base_bytes;
        value.dpa_length = range.dsmas.dpa_length_bytes;
        take_performance(value, range.performance);
        value.flags = range.dsmas.flags & doed::cdat::Dsmas::known_flags;
        value.cache_count = static_cast<std::uint32_t>(range.caches.size());
        value.part_count = static_cast<std::uint32_t>(range.parts.size());
        value.handle = range.dsmas.handle;
        value.initiator_attached = range.initiator_attached;
        return fill(ret, value);
    });
}

int doed_cdat_range_cache(const doed_cdat* cdat, size_t range, size_t index,
                          struct doed_cache* ret) {
    return at_index(summary_of(cdat), &Summary::ranges, range, [&](const auto& memory) {
        if (index >= memory.caches.size()) {
            return -ENOENT;
        }
        const auto& [cache, performance] = memory.caches[index];
        doed_cache value{};
        value.cache_size = cache.cache_size_bytes;
        take_performance(value, performance);
        value.line_size = cache.line_size_bytes();
        value.level = static_cast<std::uint8_t>(cache.level());
        value.total_levels = static_cast<std::uint8_t>(cache.total_levels());
        value.associativity = static_cast<std::uint8_t>(cache.associativity());
        value.write_policy = static_cast<std::uint8_t>(cache.write_policy());
        return fill(ret, value);
    });
}

int doed_cdat_range_part(const doed_cdat* cdat, size_t range, size_t index,
                         struct doed_dsemts* ret) {
    return at_index(summary_of(cdat), &Summary::ranges, range, [&](const auto& memory) {
        return index < memory.parts.size()
                   ? fill(ret, doed::client::dsemts_of(memory.parts[index], 0))
                   : -ENOENT;
    });
}

int doed_cdat_initiator(const doed_cdat* cdat, size_t index, struct doed_initiator* ret) {
    return at_index(summary_of(cdat), &Summary::initiators, index, [&](const auto& initiator) {
        doed_initiator value{};
        take_performance(value, initiator.performance);
        value.handle = initiator.handle;
        return fill(ret, value);
    });
}

int doed_cdat_port_pair(const doed_cdat* cdat, size_t index, struct doed_port_pair* ret) {
    return at_index(summary_of(cdat), &Summary::port_pairs, index, [&](const auto& pair) {
        doed_port_pair value{};
        take_performance(value, pair.performance);
        value.port_x = pair.port_x;
        value.port_y = pair.port_y;
        return fill(ret, value);
    });
}

}  // extern "C"
