// SPDX-License-Identifier: Apache-2.0
//
// Makes tables with a right header: for the emulator's devices and for tests. Structures are given
// as bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace doed::cdat {

/// A table of the given structures, in that order, with Length and Checksum to match. Each
/// structure brings its own four header bytes; nothing about it is checked.
[[nodiscard]] std::vector<std::uint8_t> build_table(
    std::uint8_t revision, std::uint32_t sequence,
    std::span<const std::vector<std::uint8_t>> structures);

/// The table of a volatile CXL memory expander, as QEMU makes it up: DSMAS, DSLBIS for read latency
/// 150 ns, write latency 250 ns, read and write bandwidth 16000 MB/s, DSEMTS; 160 bytes.
[[nodiscard]] std::vector<std::uint8_t> default_endpoint_table(std::uint64_t memory_size_bytes);

/// The table of a CXL switch with one downstream port (number 0), as QEMU makes it up: SSLBIS for
/// access latency 150 ns and access bandwidth 16384 MB/s; 64 bytes.
[[nodiscard]] std::vector<std::uint8_t> default_switch_table();

}  // namespace doed::cdat
