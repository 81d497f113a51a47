// SPDX-License-Identifier: Apache-2.0
//
// A CDAT as a JSON document, and back. docs/cdat.schema.json describes it. Fields of 64 bits, and what is calculated from
// them, are decimal texts, for programs whose numbers end at 2^53; all others are numbers. What can be derived from other
// members (offsets, names, values, the summary) is written and, when read, ignored.
#pragma once

#include "base/json_reader.hpp"
#include "base/result.hpp"
#include "cdat/host_view.hpp"
#include "cdat/structures.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace doed::cdat {

/// Counts up when a member changes its meaning or goes away; new members may come at any time.
inline constexpr int json_schema = 1;

/// Where a table is from; what is not known is empty.
struct Origin {
    std::string mailbox;  ///< "0000:0d:00.0/190"
    std::string source;   ///< "mailbox", "kernel" or "file"
    HostView host{};      ///< what the kernel made of the table
};

enum class JsonStyle : std::uint8_t {
    compact,  ///< one line
    pretty,   ///< indented
};

/// In ASCII, without a line break at the end.
[[nodiscard]] std::string to_json(const Table& table, const Origin& origin, JsonStyle style);

/// Largest JSON document that is read: the longest table, indented, is shorter.
inline constexpr std::size_t max_json_size_bytes = 64U << 20;

/// The bytes that a document stands for. Length and Checksum of the table are calculated when the document does not name
/// them, and taken as they are when it does: a broken table is made by saying so. Errors: invalid_argument with the place in
/// the document; too_large above 1 MiB.
[[nodiscard]] base::Result<std::vector<std::uint8_t>> from_json(base::JsonDocument& document);

}  // namespace doed::cdat
