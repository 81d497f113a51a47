// SPDX-License-Identifier: Apache-2.0
//
// Reads the memory file in which doed hands over what is too large for a message.
#pragma once

#include "client/failure.hpp"

#include <cstdint>
#include <vector>

namespace doed::client {

/// Everything in the file, by pread: its offset may be shared with others. The descriptor stays the caller's. A file that
/// somebody could still change, or that is longer than any table, is refused (general).
[[nodiscard]] Outcome<std::vector<std::uint8_t>> read_sealed_file(int fd);

}  // namespace doed::client
