// SPDX-License-Identifier: Apache-2.0
#include "cdat/value.hpp"

#include <array>

namespace doed::cdat {

std::string_view to_string(Value::Kind kind) noexcept {
    switch (kind) {
        case Value::Kind::given: return "given";
        case Value::Kind::not_provided: return "not-provided";
        case Value::Kind::unreachable: return "unreachable";
        case Value::Kind::overflow: return "overflow";
    }
    return "unknown";
}

std::string hex_text(std::uint64_t number) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    do {
        text += digits[number & 0xF];
        number >>= 4;
    } while (number != 0);
    text += "x0";
    return {text.rbegin(), text.rend()};
}

std::string hex_bytes_text(std::span<const std::uint8_t> bytes, std::string_view between) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve((2 + between.size()) * bytes.size());
    for (const std::uint8_t byte : bytes) {
        text += text.empty() ? "" : between;
        text += digits[byte >> 4];
        text += digits[byte & 0xF];
    }
    return text;
}

std::string nanoseconds_text(std::uint64_t picoseconds) {
    std::string text = std::to_string(picoseconds / 1000);
    if (const auto fraction = picoseconds % 1000; fraction != 0) {
        std::string digits = std::to_string(1000 + fraction).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        text += '.' + digits;
    }
    return text;
}

std::string_view data_type_name(std::uint8_t data_type) noexcept {
    constexpr std::array<std::string_view, data_type_count> names{
        "access latency",   "read latency",   "write latency",
        "access bandwidth", "read bandwidth", "write bandwidth",
    };
    return data_type < names.size() ? names[data_type] : std::string_view{};
}

}  // namespace doed::cdat
