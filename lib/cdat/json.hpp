// SPDX-License-Identifier: Apache-2.0
//
// A CDAT as a JSON document, and back. docs/cdat.schema.json describes it. Fields of 64 bits, and what is calculated from
// them, are decimal texts, for programs whose numbers end at 2^53; all others are numbers. What can be derived from other
// members is written too. Of that, words beside their numbers are to agree with them when a document is read; offsets, lengths,
// units, values and the summary are not looked at.
#pragma once

#include "base/json_reader.hpp"
#include "base/result.hpp"
#include "cdat/host_view.hpp"
#include "cdat/structures.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
/// The same, or nothing when it would have more than `max_size_bytes`: writing stops soon after these.
[[nodiscard]] std::optional<std::string> to_json_within(std::size_t max_size_bytes,
                                                        const Table& table, const Origin& origin,
                                                        JsonStyle style);

/// Largest JSON document that is read: that of any table that is read is shorter. Each structure stands in it once, and once more
/// in the summary. Most for its length takes a DSIS, 8 bytes: indented, with all of its members at their longest, 259 bytes,
/// and 623 as an initiator with four figures, together 110.25 for each byte of the table. An entry of an SSLBIS with its
/// pair of ports takes 81.25, a DSMSCIS 65, any other structure less. Problems are limited to some 40 KiB, and the host's part is
/// a few lines.
inline constexpr std::size_t max_json_size_bytes = 128 * max_table_size_bytes;

/// Parses a document for from_json alone: without the derived members at its top, which are most of a long one. Errors:
/// JsonDocument::parse.
[[nodiscard]] base::Result<base::JsonDocument> parse_document(std::string_view text,
                                                              std::string name);

/// The bytes that a document stands for. Length and Checksum of the table are calculated when the document does not name
/// them, and taken as they are when it does: a broken table is made by saying so. Revision is 1 when it is not named, every other
/// field 0. Errors: invalid_argument with the place in the document, also for members that contradict each other; too_large
/// above 1 MiB.
[[nodiscard]] base::Result<std::vector<std::uint8_t>> from_json(base::JsonDocument& document);

}  // namespace doed::cdat
