// SPDX-License-Identifier: Apache-2.0
//
// Numbers on the command lines of the benchmarks.
#pragma once

#include <cstdint>
#include <string_view>

namespace doed::bench {

/// `text`, all of it, as a number of `base` from `min` to `max`. Throws std::runtime_error, which says what `name`, the
/// argument as the usage calls it, has to be.
[[nodiscard]] std::int64_t number(std::string_view name, std::string_view text, std::int64_t min,
                                  std::int64_t max, int base = 10);

}  // namespace doed::bench
