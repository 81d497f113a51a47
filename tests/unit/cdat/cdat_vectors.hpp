// SPDX-License-Identifier: Apache-2.0
//
// The tables of tests/vectors/cdat, and small means to change one.
#pragma once

#include "cdat/table.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace doed::cdat {

using Bytes = std::vector<std::uint8_t>;
using Structures = std::vector<Bytes>;

/// The bytes of "NAME.hex". Throws when the file is not there or is no hexadecimal text.
inline Bytes load_vector(const std::string& name) {
    std::ifstream file(std::filesystem::path(DOED_CDAT_VECTORS) / (name + ".hex"));
    std::string text;
    if (!(file >> text) || text.size() % 2 != 0) {
        throw std::runtime_error("cannot read the test vector " + name);
    }
    Bytes bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

/// "padded" as a device holds it. The file has three more zeros, as a dump in whole blocks has.
inline Bytes padded_table() {
    Bytes bytes = load_vector("padded");
    bytes.resize(128);
    return bytes;
}

/// A structure of `length_bytes`, its content counting up from 1.
inline Bytes make_structure(std::uint8_t type, std::uint16_t length_bytes) {
    Bytes bytes(length_bytes);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
    bytes[0] = type;
    bytes[1] = 0;
    bytes[2] = static_cast<std::uint8_t>(length_bytes);
    bytes[3] = static_cast<std::uint8_t>(length_bytes >> 8);
    return bytes;
}

/// Makes the bytes of the table add up to 0.
inline void fix_checksum(Bytes& table) {
    table.at(5) =
        static_cast<std::uint8_t>(table[5] - std::accumulate(table.begin(), table.end(), 0U));
}

inline void set_length(Bytes& table, std::uint32_t length_bytes) {
    for (unsigned i = 0; i < 4; ++i) {
        table.at(i) = static_cast<std::uint8_t>(length_bytes >> (8 * i));
    }
    fix_checksum(table);
}

inline std::vector<ProblemKind> kinds(const Table& table) {
    std::vector<ProblemKind> result;
    for (const Problem& problem : table.problems()) {
        result.push_back(problem.kind);
    }
    return result;
}

// For failure messages.
inline void PrintTo(ProblemKind kind, std::ostream* out) {
    *out << to_string(kind);
}
inline void PrintTo(const Problem& problem, std::ostream* out) {
    *out << to_string(problem.kind) << ", " << to_string(problem);
}
inline void PrintTo(const RawStructure& structure, std::ostream* out) {
    *out << "type " << +structure.type << " at " << structure.offset_bytes << ", "
         << structure.length_bytes << " bytes";
}

}  // namespace doed::cdat
