// SPDX-License-Identifier: Apache-2.0
//
// A latency or bandwidth: Entry Base Unit x entry. 80 bits wide; what fits into 64 is kept. And numbers as texts.
#pragma once

#include "cdat/structures.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace doed::cdat {

struct Value {
    enum class Kind : std::uint8_t {
        given,
        not_provided,  ///< the entry is 0, or its unit is
        unreachable,   ///< the entry is 0xFFFF
        overflow,      ///< more than 64 bits
    };

    Kind kind = Kind::not_provided;
    std::uint64_t amount = 0;  ///< picoseconds or MB/s when given, else 0

    [[nodiscard]] static constexpr Value of(std::uint64_t base_unit, std::uint16_t entry) noexcept {
        if (entry == entry_unreachable) {
            return {Kind::unreachable, 0};
        }
        if (entry == entry_not_provided || base_unit == 0) {
            return {Kind::not_provided, 0};
        }
        if (base_unit > std::numeric_limits<std::uint64_t>::max() / entry) {
            return {Kind::overflow, 0};
        }
        return {Kind::given, base_unit * entry};
    }

    friend bool operator==(const Value&, const Value&) = default;
};

/// "given", "not-provided", "unreachable", "overflow".
[[nodiscard]] std::string_view to_string(Value::Kind kind) noexcept;

/// "0x1f"
[[nodiscard]] std::string hex_text(std::uint64_t number);
/// "0a1f" with nothing between the bytes, "0a 1f" with a blank.
[[nodiscard]] std::string hex_bytes_text(std::span<const std::uint8_t> bytes,
                                         std::string_view between);

/// Picoseconds as nanoseconds, exactly: "150", "0.25".
[[nodiscard]] std::string nanoseconds_text(std::uint64_t picoseconds);

/// "read latency", ...; empty for a reserved type.
[[nodiscard]] std::string_view data_type_name(std::uint8_t data_type) noexcept;

}  // namespace doed::cdat
