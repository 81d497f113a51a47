// SPDX-License-Identifier: Apache-2.0
//
// A table as a list of its fields: where each lies, what it is called and what it says, in words and units. Together
// they are all bytes of the table, in order. Reports and annotated dumps are made of them.
#pragma once

#include "cdat/structures.hpp"
#include "cdat/value.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace doed::cdat {

struct Field {
    enum class Kind : std::uint8_t {
        value,
        frame,     ///< Type and Length of a structure
        reserved,  ///< says nothing as long as it is 0
        rest,      ///< bytes without a meaning in CDAT 1.04
    };

    std::uint32_t offset_bytes = 0;  ///< from the start of the table
    std::uint32_t size_bytes = 0;
    Kind kind = Kind::value;
    std::string name;   ///< "DSMADHandle", "DPA Base"; the specification's
    std::string value;  ///< "16 GiB (0x400000000)"
};

/// Those of the header; of a table shorter than that, its bytes.
[[nodiscard]] std::vector<Field> header_fields(const Table& table);
/// How an entry of an SSLBIS is listed.
enum class EntryFields : std::uint8_t {
    parts,  ///< its four fields
    whole,  ///< one of eight bytes: "upstream to 0: 15 = 150 ns"
};
/// Those of one of table.structures().
[[nodiscard]] std::vector<Field> structure_fields(const Table& table, const RawStructure& raw,
                                                  EntryFields entries);
/// The bytes behind the last structure, as one field; empty when there are none.
[[nodiscard]] std::vector<Field> rest_fields(const Table& table);

/// "DSMAS: Device Scoped Memory Affinity", "type 0x80".
[[nodiscard]] std::string structure_title(std::uint8_t type);

/// "16 GiB", "1.5 MiB", "4097 bytes": exact, in the largest unit that takes at most two decimals.
[[nodiscard]] std::string size_text(std::uint64_t bytes);
/// "150 ns", "16000 MB/s", "not provided", "unreachable", "more than 64 bits"
[[nodiscard]] std::string value_text(const Value& value, bool is_latency);

}  // namespace doed::cdat
