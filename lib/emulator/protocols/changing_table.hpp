// SPDX-License-Identifier: Apache-2.0
//
// How a table changes while it is served. Pure functions, so that whoever watches a device knows each table it can have
// had. A table shorter than its header stays as it is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace doed::emulator {

/// The table with Sequence one higher and the checksum changed by as much as that takes: right where it was right.
[[nodiscard]] std::vector<std::uint8_t> with_next_sequence(std::span<const std::uint8_t> table);

/// The same, and one byte of its structures is one higher too: the first latency or bandwidth of its last structure that
/// has any (CDAT 1.04 DSLBIS, SSLBIS), else its last byte. When Sequence was not 0, that of the structure with one before it
/// is one lower: who reads both of the new table after the header of the old one finds a sum that is right.
[[nodiscard]] std::vector<std::uint8_t> with_next_content(std::span<const std::uint8_t> table);

}  // namespace doed::emulator
