// SPDX-License-Identifier: Apache-2.0
//
// Tables of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace doed::bench {

/// A CDAT of `size_bytes`, 20 or more and a multiple of 4: its header and structures of a reserved type, each as long as one entry
/// may be.
[[nodiscard]] std::vector<std::uint8_t> make_table(std::size_t size_bytes);

}  // namespace doed::bench
