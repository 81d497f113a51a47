// SPDX-License-Identifier: Apache-2.0
//
// The two header dwords of a data object (PCIe r6.2 6.30.1): vendor id and type, then the length in dwords, header
// included, where 2^18 is coded 0. Reserved bits are written as zero and ignored when read.
#pragma once

#include "doe/protocol.hpp"

#include <cstdint>

namespace doed::doe {

inline constexpr std::uint32_t header_length_dw = 2;
inline constexpr std::uint32_t max_object_length_dw = 1U << 18;

[[nodiscard]] constexpr std::uint32_t encode_header1(Protocol protocol) noexcept {
    return protocol.vendor_id | static_cast<std::uint32_t>(protocol.object_type) << 16;
}

/// `length_dw` is at most max_object_length_dw.
[[nodiscard]] constexpr std::uint32_t encode_header2(std::uint32_t length_dw) noexcept {
    return length_dw & (max_object_length_dw - 1);
}

[[nodiscard]] constexpr Protocol decode_header1(std::uint32_t header1) noexcept {
    return {static_cast<std::uint16_t>(header1), static_cast<std::uint8_t>(header1 >> 16)};
}

/// The length in dwords, 0..2^18; below header_length_dw is malformed.
[[nodiscard]] constexpr std::uint32_t decode_header2(std::uint32_t header2) noexcept {
    const std::uint32_t coded = header2 & (max_object_length_dw - 1);
    return coded == 0 ? max_object_length_dw : coded;
}

}  // namespace doed::doe
