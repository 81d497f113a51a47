// SPDX-License-Identifier: Apache-2.0
//
// A PCI function's address: domain, bus, device, function.
#pragma once

#include "base/result.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace doed::pci {

struct Address {
    std::uint32_t domain = 0;  ///< 0..0xFFFFFFFF; VMD and other synthetic domains exceed 16 bits
    std::uint8_t bus = 0;
    std::uint8_t device = 0;    ///< 0..31
    std::uint8_t function = 0;  ///< 0..7

    friend auto operator<=>(const Address&, const Address&) = default;

    /// "0000:0d:00.0", as sysfs names it.
    [[nodiscard]] std::string to_string() const;

    /// Takes "0000:0d:00.0" or "0d:00.0" (domain 0), hexadecimal in either case. Error: invalid_argument.
    [[nodiscard]] static base::Result<Address> parse(std::string_view text);
};

}  // namespace doed::pci
