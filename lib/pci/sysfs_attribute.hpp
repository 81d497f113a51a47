// SPDX-License-Identifier: Apache-2.0
//
// Reading sysfs attributes: short text files with one value each, and links whose target's name is the value.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

#include <charconv>
#include <concepts>
#include <cstddef>
#include <expected>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace doed::pci {

/// No attribute is longer: the kernel renders each into one page.
inline constexpr std::size_t attribute_size_max_bytes = 4096;

/// The text of the attribute file `path` without white space at its ends. Errors: not_found, access_denied,
/// device_gone, too_large (longer than a page: not an attribute), io.
[[nodiscard]] base::Result<std::string> read_attribute(const std::string& path);

/// The same of an attribute file that is open. Errors: device_gone, too_large, io (also without a file).
[[nodiscard]] base::Result<std::string> read_attribute(const base::UniqueFd& file);

/// The last component of where the symbolic link `path` points to; the target need not exist. "driver" of a device
/// gives the driver's name. Errors: not_found, access_denied, device_gone, io (also when `path` is no link).
[[nodiscard]] base::Result<std::string> read_link_name(const std::string& path);

/// All of `text` as a number in the range of T: decimal, or hexadecimal after "0x". A sign is taken where T has one,
/// and then for decimals only. Error: invalid_argument.
template <std::integral T>
[[nodiscard]] base::Result<T> parse_number(std::string_view text) {
    const bool hexadecimal = text.starts_with("0x");
    const std::string_view digits = hexadecimal ? text.substr(2) : text;
    const char* const end = digits.data() + digits.size();
    T value = 0;
    const auto [rest, error] = std::from_chars(digits.data(), end, value, hexadecimal ? 16 : 10);
    if (error != std::errc() || rest != end || (hexadecimal && digits.starts_with('-'))) {
        return base::fail(base::Errc::invalid_argument,
                          "\"" + std::string(text) + "\" is not a number from " +
                              std::to_string(std::numeric_limits<T>::min()) + " to " +
                              std::to_string(std::numeric_limits<T>::max()));
    }
    return value;
}

/// The number in the attribute file `path`. Errors: those of read_attribute and parse_number, each naming the path.
template <std::integral T>
[[nodiscard]] base::Result<T> read_number(const std::string& path) {
    const auto text = read_attribute(path);
    if (!text) {
        return std::unexpected(text.error());
    }
    auto number = parse_number<T>(*text);
    if (!number) {
        return std::unexpected(number.error().in(path));
    }
    return number;
}

}  // namespace doed::pci
