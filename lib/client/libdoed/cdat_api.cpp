// SPDX-License-Identifier: Apache-2.0
//
// The functions of doed/cdat.h: lib/cdat in C's clothes. What structures say together is in cdat_summary_api.cpp.
#include "client/libdoed/boundary.hpp"
#include "client/libdoed/cdat_values.hpp"
#include "client/libdoed/handles.hpp"

#include <cerrno>
#include <cstddef>
#include <vector>

#include <doed/cdat.h>

using doed::client::at_index;
using doed::client::fill;
using doed::client::guarded;
using doed::client::value_of_entry;

extern "C" {

int doed_cdat_parse(const void* bytes, size_t size, doed_cdat** ret) {
    if (ret == nullptr || (bytes == nullptr && size != 0)) {
        return -EINVAL;
    }
    if (size > doed::cdat::max_table_size_bytes) {
        return -E2BIG;
    }
    return guarded([&] {
        const auto* first = static_cast<const std::uint8_t*>(bytes);
        *ret = new doed_cdat(std::vector<std::uint8_t>(first, first + size));
        return 0;
    });
}

doed_cdat* doed_cdat_ref(doed_cdat* cdat) {
    return doed::client::hold(cdat);
}

doed_cdat* doed_cdat_unref(doed_cdat* cdat) {
    return doed::client::drop(cdat);
}

const uint8_t* doed_cdat_bytes(const doed_cdat* cdat, size_t* ret_size) {
    static const uint8_t none = 0;
    const std::size_t size = cdat != nullptr ? cdat->table.bytes().size() : 0;
    if (ret_size != nullptr) {
        *ret_size = size;
    }
    return size != 0 ? cdat->table.bytes().data() : &none;
}

int doed_cdat_header(const doed_cdat* cdat, struct doed_table_header* ret) {
    if (cdat == nullptr) {
        return -EINVAL;
    }
    const auto& header = cdat->table.header();
    struct doed_table_header value{};
    value.length = header.length_bytes;
    value.revision = header.revision;
    value.checksum = header.checksum;
    value.checksum_valid = cdat->table.checksum_valid();
    value.sequence = header.sequence;
    return fill(ret, value);
}

int doed_cdat_problem(const doed_cdat* cdat, size_t index, struct doed_table_problem* ret) {
    return at_index(cdat, &doed_cdat::problems, index, [&](const doed::cdat::Problem& problem) {
        struct doed_table_problem value{};
        value.severity = static_cast<std::uint32_t>(problem.severity);
        value.offset = problem.offset_bytes;
        // The names are literals, which end with a zero.
        value.kind = to_string(problem.kind).data();
        value.text = problem.text.c_str();
        return fill(ret, value);
    });
}

int doed_cdat_structure(const doed_cdat* cdat, size_t index, struct doed_table_structure* ret) {
    if (cdat == nullptr) {
        return -EINVAL;
    }
    const auto& structures = cdat->table.structures();
    if (index >= structures.size()) {
        return -ENOENT;
    }
    struct doed_table_structure value{};
    value.offset = structures[index].offset_bytes;
    value.length = structures[index].length_bytes;
    value.type = structures[index].type;
    return fill(ret, value);
}

int doed_cdat_dsmas(const doed_cdat* cdat, size_t index, struct doed_dsmas* ret) {
    return at_index(cdat, &doed_cdat::dsmas, index, [&](const auto& placed) {
        doed_dsmas value{};
        value.dpa_base = placed.body.dpa_base_bytes;
        value.dpa_length = placed.body.dpa_length_bytes;
        value.offset = placed.offset_bytes;
        value.handle = placed.body.handle;
        value.flags = placed.body.flags;
        return fill(ret, value);
    });
}

int doed_cdat_dslbis(const doed_cdat* cdat, size_t index, struct doed_dslbis* ret) {
    return at_index(cdat, &doed_cdat::dslbis, index, [&](const auto& placed) {
        doed_dslbis value{};
        value.base_unit = placed.body.base_unit;
        for (std::size_t i = 0; i < placed.body.entries.size(); ++i) {
            const std::uint16_t entry = placed.body.entries[i];
            value.entries[i] = entry;
            value.values[i] = value_of_entry(placed.body.base_unit, entry, placed.body.data_type);
        }
        value.handle = placed.body.handle;
        value.flags = placed.body.flags;
        value.offset = placed.offset_bytes;
        value.data_type = placed.body.data_type;
        return fill(ret, value);
    });
}

int doed_cdat_dsmscis(const doed_cdat* cdat, size_t index, struct doed_dsmscis* ret) {
    return at_index(cdat, &doed_cdat::dsmscis, index, [&](const auto& placed) {
        doed_dsmscis value{};
        value.cache_size = placed.body.cache_size_bytes;
        value.attributes = placed.body.attributes;
        value.line_size = placed.body.line_size_bytes();
        value.offset = placed.offset_bytes;
        value.handle = placed.body.handle;
        value.level = static_cast<std::uint8_t>(placed.body.level());
        value.total_levels = static_cast<std::uint8_t>(placed.body.total_levels());
        value.associativity = static_cast<std::uint8_t>(placed.body.associativity());
        value.write_policy = static_cast<std::uint8_t>(placed.body.write_policy());
        return fill(ret, value);
    });
}

int doed_cdat_dsis(const doed_cdat* cdat, size_t index, struct doed_dsis* ret) {
    return at_index(cdat, &doed_cdat::dsis, index, [&](const auto& placed) {
        doed_dsis value{};
        value.offset = placed.offset_bytes;
        value.flags = placed.body.flags;
        value.handle = placed.body.handle;
        return fill(ret, value);
    });
}

int doed_cdat_dsemts(const doed_cdat* cdat, size_t index, struct doed_dsemts* ret) {
    return at_index(cdat, &doed_cdat::dsemts, index, [&](const auto& placed) {
        return fill(ret, doed::client::dsemts_of(placed.body, placed.offset_bytes));
    });
}

int doed_cdat_sslbis(const doed_cdat* cdat, size_t index, struct doed_sslbis* ret) {
    return at_index(cdat, &doed_cdat::sslbis, index, [&](const auto& placed) {
        doed_sslbis value{};
        value.base_unit = placed.body.base_unit;
        value.entry_count = static_cast<std::uint32_t>(placed.body.entries.size());
        value.offset = placed.offset_bytes;
        value.data_type = placed.body.data_type;
        return fill(ret, value);
    });
}

int doed_cdat_sslbis_entry(const doed_cdat* cdat, size_t sslbis, size_t index,
                           struct doed_sslbis_entry* ret) {
    return at_index(cdat, &doed_cdat::sslbis, sslbis, [&](const auto& placed) {
        if (index >= placed.body.entries.size()) {
            return -ENOENT;
        }
        const auto& entry = placed.body.entries[index];
        doed_sslbis_entry value{};
        value.value = value_of_entry(placed.body.base_unit, entry.value, placed.body.data_type);
        value.port_x = entry.port_x;
        value.port_y = entry.port_y;
        value.entry = entry.value;
        return fill(ret, value);
    });
}

}  // extern "C"
