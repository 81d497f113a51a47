// SPDX-License-Identifier: Apache-2.0
//
// UTF-8, as Unicode 15 (3.9, D92) has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace doed::base {

struct CodePoint {
    char32_t value = 0;
    std::size_t size_bytes = 0;  ///< 0 when the bytes are no UTF-8
};

/// The first code point of a text that is not empty.
[[nodiscard]] CodePoint first_code_point(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace doed::base
