// SPDX-License-Identifier: Apache-2.0
#include "emulator/protocols/table_access_responder.hpp"

#include "base/byte_cursor.hpp"

#include <algorithm>

namespace doed::emulator {

namespace {

constexpr std::uint32_t read_entry = 0;  // request code 0, table type 0 (CDAT), in the low 16 bits
constexpr std::uint32_t no_more_entries = 0xFFFF;

constexpr std::size_t table_header_size_bytes = 16;
constexpr std::size_t structure_header_size_bytes = 4;
constexpr std::size_t longest_piece_bytes = 0xFFFC;

std::vector<std::uint32_t> to_dwords(std::span<const std::uint8_t> bytes) {
    std::vector<std::uint32_t> dwords((bytes.size() + 3) / 4);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        dwords[i / 4] |= std::uint32_t{bytes[i]} << (8 * (i % 4));
    }
    return dwords;
}

// How much of `rest` is the next structure: the length in its header (CDAT 1.04 2.1) where that can be.
std::size_t next_entry_size(std::span<const std::uint8_t> rest) {
    base::ByteReader header(rest);
    header.skip(2);  // Type, Reserved
    const std::size_t length = header.read<std::uint16_t>();
    const bool sound =
        header.ok() && length >= structure_header_size_bytes && length <= rest.size();
    return sound ? length : std::min(rest.size(), longest_piece_bytes);
}

}  // namespace

TableAccessResponder::TableAccessResponder(std::span<const std::uint8_t> table) {
    serve(table);
}

void TableAccessResponder::serve(std::span<const std::uint8_t> table) {
    entries_.clear();
    std::size_t size = std::min(table.size(), table_header_size_bytes);
    while (size != 0 && entries_.size() < no_more_entries) {
        entries_.push_back(to_dwords(table.first(size)));
        table = table.subspan(size);
        size = next_entry_size(table);
    }
}

std::optional<std::vector<std::uint32_t>> TableAccessResponder::respond(
    std::span<const std::uint32_t> request) {
    if (request.size() != 1 || (request[0] & 0xFFFF) != read_entry) {
        return std::nullopt;
    }
    const std::size_t handle = request[0] >> 16;
    if (handle >= entries_.size()) {
        return std::nullopt;
    }
    const auto next =
        handle + 1 < entries_.size() ? static_cast<std::uint32_t>(handle + 1) : no_more_entries;
    std::vector<std::uint32_t> response{next << 16};
    response.insert(response.end(), entries_[handle].begin(), entries_[handle].end());
    return response;
}

}  // namespace doed::emulator
