// SPDX-License-Identifier: Apache-2.0
//
// Reads what a command works on without doed.
#pragma once

#include "client/failure.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace doed::client {

/// All of a file, or of standard input for "-". Failures: those of failure_of_file(), and general for more than
/// `max_size_bytes`.
[[nodiscard]] Outcome<std::vector<std::uint8_t>> read_input(const std::string& file,
                                                            std::size_t max_size_bytes);

}  // namespace doed::client
