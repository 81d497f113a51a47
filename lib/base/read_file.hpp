// SPDX-License-Identifier: Apache-2.0
//
// Reading one small regular file as a whole.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace doed::base {

/// The bytes of the regular file `path`; never blocks on a pipe or a device. Errors, each naming the path: not_found,
/// access_denied, too_large (more than `max_size_bytes`), io.
[[nodiscard]] Result<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path,
                                                          std::size_t max_size_bytes);

/// The same of a file that is open, from where it stands to its end; `name` stands for it in errors.
[[nodiscard]] Result<std::vector<std::uint8_t>> read_file(const UniqueFd& file,
                                                          const std::string& name,
                                                          std::size_t max_size_bytes);

}  // namespace doed::base
