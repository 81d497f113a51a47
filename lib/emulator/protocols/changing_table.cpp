// SPDX-License-Identifier: Apache-2.0
#include "emulator/protocols/changing_table.hpp"

#include "base/byte_cursor.hpp"

#include <algorithm>
#include <numeric>

namespace doed::emulator {

namespace {

constexpr std::size_t header_size_bytes = 16;
constexpr std::size_t checksum_offset = 5;
constexpr std::size_t sequence_offset = 12;

constexpr std::size_t structure_header_size_bytes = 4;
constexpr std::uint8_t type_dslbis = 1;
constexpr std::uint8_t type_sslbis = 5;
constexpr std::size_t dslbis_value_offset = 16;
constexpr std::size_t sslbis_value_offset = 20;

std::uint8_t sum_of(std::span<const std::uint8_t> bytes) {
    return std::accumulate(
        bytes.begin(), bytes.end(), std::uint8_t{0},
        [](std::uint8_t sum, std::uint8_t byte) { return static_cast<std::uint8_t>(sum + byte); });
}

void raise_sequence(std::vector<std::uint8_t>& table) {
    for (std::size_t i = sequence_offset; i < header_size_bytes; ++i) {
        if (++table[i] != 0) {
            return;
        }
    }
}

/// The last two, the last first; only one when there are no two values.
struct ChangingBytes {
    std::size_t last;
    std::size_t before = 0;
};

ChangingBytes changing_bytes(std::span<const std::uint8_t> table) {
    ChangingBytes found{table.size() - 1};
    bool any = false;
    std::size_t at = header_size_bytes;
    while (at < table.size()) {
        base::ByteReader reader(table.subspan(at));
        const auto type = reader.read<std::uint8_t>();
        reader.skip(1);
        const std::size_t length = reader.read<std::uint16_t>();
        if (!reader.ok() || length < structure_header_size_bytes || length > table.size() - at) {
            break;
        }
        const std::size_t value = type == type_dslbis ? dslbis_value_offset : sslbis_value_offset;
        if ((type == type_dslbis || type == type_sslbis) && value < length) {
            found = {at + value, any ? found.last : 0};
            any = true;
        }
        at += length;
    }
    return found;
}

std::vector<std::uint8_t> changed(std::span<const std::uint8_t> table, bool content) {
    std::vector<std::uint8_t> result(table.begin(), table.end());
    if (table.size() < header_size_bytes) {
        return result;
    }
    const bool has_changed_before =
        std::any_of(table.begin() + sequence_offset, table.begin() + header_size_bytes,
                    [](std::uint8_t byte) { return byte != 0; });
    raise_sequence(result);
    if (content && table.size() > header_size_bytes) {
        const auto [last, before] = changing_bytes(table);
        ++result[last];
        if (has_changed_before && before != 0) {
            --result[before];
        }
    }
    result[checksum_offset] =
        static_cast<std::uint8_t>(result[checksum_offset] + sum_of(table) - sum_of(result));
    return result;
}

}  // namespace

std::vector<std::uint8_t> with_next_sequence(std::span<const std::uint8_t> table) {
    return changed(table, false);
}

std::vector<std::uint8_t> with_next_content(std::span<const std::uint8_t> table) {
    return changed(table, true);
}

}  // namespace doed::emulator
