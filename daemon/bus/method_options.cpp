// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/method_options.hpp"

#include "base/dbus_names.hpp"

#include <algorithm>
#include <string_view>

namespace doed::bus {

namespace {

// Longest part of a client's own words that comes back in a message.
constexpr std::size_t echo_limit = 64;

/// The beginning of a client's text. It is cut between characters: the bus takes nothing but UTF-8.
std::string_view echo(std::string_view text) {
    if (text.size() <= echo_limit) {
        return text;
    }
    std::size_t end = echo_limit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    return text.substr(0, end);
}

base::Error unknown_key(std::string_view key) {
    return base::Error(base::Errc::invalid_argument,
                       "option '" + std::string(echo(key)) + "' is not known to this method");
}

template <typename Value>
base::Result<Value> value_of(const std::string& key, const sdbus::Variant& variant,
                             std::string_view signature) {
    const std::string found(variant.peekValueType());
    if (found != signature) {
        return base::fail(base::Errc::invalid_argument,
                          "option '" + key + "' is of type '" + std::string(echo(found)) +
                              "', expected '" + std::string(signature) + "'");
    }
    return variant.get<Value>();
}

}  // namespace

base::Result<MethodOptions> parse_method_options(const OptionMap& options, KnownOptions known,
                                                 base::TimePoint now,
                                                 base::Duration default_deadline) {
    MethodOptions parsed;
    parsed.deadline = now + default_deadline;
    for (const auto& [key, variant] : options) {
        if (key == names::option_deadline_usec) {
            const auto value = value_of<std::uint64_t>(key, variant, "t");
            if (!value) {
                return std::unexpected(value.error());
            }
            const std::uint64_t longest = std::chrono::microseconds(longest_deadline).count();
            parsed.deadline = now + std::chrono::microseconds(std::min(*value, longest));
        } else if (key == names::option_interactive ||
                   (key == names::option_refresh && known == KnownOptions::with_refresh)) {
            const auto value = value_of<bool>(key, variant, "b");
            if (!value) {
                return std::unexpected(value.error());
            }
            (key == names::option_refresh ? parsed.refresh : parsed.interactive) = *value;
        } else {
            return std::unexpected(unknown_key(key));
        }
    }
    return parsed;
}

}  // namespace doed::bus
