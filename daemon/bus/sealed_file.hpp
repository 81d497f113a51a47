// SPDX-License-Identifier: Apache-2.0
//
// Bytes in a memory file that nobody can change any more: how large results are handed to clients.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

#include <cstdint>
#include <span>

namespace doed::bus {

/// A memfd with the bytes, sealed against writing, growing, shrinking and further seals. Error: io.
[[nodiscard]] base::Result<base::UniqueFd> make_sealed_file(std::span<const std::uint8_t> bytes);

/// A read-only descriptor of the same file with an offset of its own, so that two clients do not
/// share one. Error: io.
[[nodiscard]] base::Result<base::UniqueFd> reopen_sealed_file(const base::UniqueFd& file);

}  // namespace doed::bus
