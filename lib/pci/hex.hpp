// SPDX-License-Identifier: Apache-2.0
//
// Config space offsets as people write them.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace doed::pci {

/// "0x19c": lower case, no leading zeros.
[[nodiscard]] inline std::string hex(std::uint32_t value) {
    std::array<char, 8> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    return "0x" + std::string(digits.data(), end);
}

}  // namespace doed::pci
