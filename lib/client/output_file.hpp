// SPDX-License-Identifier: Apache-2.0
//
// Writes what a command made, and tells when it did not arrive: a full disk, a closed pipe's reader, a file that cannot be
// made.
#pragma once

#include "client/failure.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace doed::client {

/// All of `content` to the file (made, or emptied first), or to standard output without one or for "-".
/// Failures: those of failure_of_file().
[[nodiscard]] Outcome<void> write_output(const std::optional<std::string>& file,
                                         std::string_view content);

}  // namespace doed::client
