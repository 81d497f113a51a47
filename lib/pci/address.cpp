// SPDX-License-Identifier: Apache-2.0
#include "pci/address.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdio>

namespace doed::pci {

namespace {

constexpr std::uint8_t device_max = 31;
constexpr std::uint8_t function_max = 7;

constexpr std::size_t domain_digits_min = 4;
constexpr std::size_t domain_digits_max = 8;

/// All of `digits` as a hexadecimal number of at most `max`; false leaves `value` alone.
template <std::unsigned_integral T>
bool parse_hex(std::string_view digits, T max, T& value) {
    T parsed = 0;
    const char* const end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, parsed, 16);
    if (error != std::errc() || rest != end || parsed > max) {
        return false;
    }
    value = parsed;
    return true;
}

bool parse_domain(std::string_view digits, Address& address) {
    return digits.size() >= domain_digits_min && digits.size() <= domain_digits_max &&
           parse_hex<std::uint32_t>(digits, UINT32_MAX, address.domain);
}

/// "0d:00.0": the digits have fixed places.
bool parse_bus_device_function(std::string_view text, Address& address) {
    return text.size() == 7 && text[2] == ':' && text[5] == '.' &&
           parse_hex<std::uint8_t>(text.substr(0, 2), UINT8_MAX, address.bus) &&
           parse_hex<std::uint8_t>(text.substr(3, 2), device_max, address.device) &&
           parse_hex<std::uint8_t>(text.substr(6, 1), function_max, address.function);
}

/// The text as an error message can carry it: it may be anything a client or a file came up with.
std::string quoted(std::string_view text) {
    constexpr std::size_t shown_max = 40;
    std::string shown = "\"";
    for (const char c : text.substr(0, shown_max)) {
        shown += c >= ' ' && c <= '~' ? c : '?';
    }
    return shown + (text.size() > shown_max ? "...\"" : "\"");
}

}  // namespace

std::string Address::to_string() const {
    std::array<char, sizeof "ffffffff:ff:ff.ff"> text{};
    std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.%x", static_cast<unsigned>(domain),
                  static_cast<unsigned>(bus), static_cast<unsigned>(device),
                  static_cast<unsigned>(function));
    return text.data();
}

base::Result<Address> Address::parse(std::string_view text) {
    Address address;
    const std::size_t first_colon = text.find(':');
    const bool has_domain =
        first_colon != std::string_view::npos && first_colon >= domain_digits_min;
    const bool sound = has_domain
                           ? parse_domain(text.substr(0, first_colon), address) &&
                                 parse_bus_device_function(text.substr(first_colon + 1), address)
                           : parse_bus_device_function(text, address);
    if (!sound) {
        return base::fail(
            base::Errc::invalid_argument,
            quoted(text) +
                " is not a PCI address: expected [DOMAIN:]BUS:DEVICE.FUNCTION in hexadecimal, "
                "like 0000:0d:00.0 or 0d:00.0, device 00 to 1f, function 0 to 7");
    }
    return address;
}

}  // namespace doed::pci
