// SPDX-License-Identifier: Apache-2.0
#include "bench/arguments.hpp"

#include <array>
#include <charconv>
#include <stdexcept>
#include <string>
#include <system_error>

namespace doed::bench {

namespace {

std::string written(std::int64_t value, int base) {
    std::array<char, 65> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
    return {digits.data(), end};
}

}  // namespace

std::int64_t number(std::string_view name, std::string_view text, std::int64_t min,
                    std::int64_t max, int base) {
    std::int64_t value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error == std::errc() && rest == text.data() + text.size() && value >= min && value <= max) {
        return value;
    }
    throw std::runtime_error(std::string(name) + " has to be a number from " + written(min, base) +
                             " to " + written(max, base) + (base == 16 ? ", in hexadecimal" : "") +
                             ", not '" + std::string(text) + "'");
}

}  // namespace doed::bench
