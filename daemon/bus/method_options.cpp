// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/method_options.hpp"

#include "base/dbus_names.hpp"
#include "daemon/bus/errors.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace doed::bus {

namespace {

// Longest part of a client's own words that comes back in a message.
constexpr std::size_t echo_limit = 64;

// More than there are, for those who name one twice.
constexpr std::size_t most_options = 16;

bool is_control(std::string_view text, std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    // U+0080 to U+009F have two bytes, the first of which is C2.
    const bool is_second = at > 0 && static_cast<unsigned char>(text[at - 1]) == 0xC2U;
    return byte < 0x20U || byte == 0x7FU || (is_second && byte < 0xA0U);
}

/// The beginning of a client's text, in one line. It is cut between characters: the bus takes nothing but UTF-8.
std::string echo(std::string_view text) {
    std::size_t end = std::min(text.size(), echo_limit);
    while (end > 0 && end < text.size() &&
           (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    std::string line;
    for (std::size_t at = 0; at < end; ++at) {
        if (!is_control(text, at)) {
            line += text[at];
            continue;
        }
        if (static_cast<unsigned char>(text[at]) >= 0x80U) {
            line.pop_back();
        }
        line += '?';
    }
    return line;
}

base::Error unknown_key(std::string_view key) {
    return base::Error(base::Errc::invalid_argument,
                       "option '" + echo(key) + "' is not known to this method");
}

base::Error wrong_type(std::string_view key, std::string_view found, std::string_view expected) {
    return base::Error(base::Errc::invalid_argument, "option '" + echo(key) + "' is of type '" +
                                                         echo(found) + "', expected '" +
                                                         std::string(expected) + "'");
}

/// Of an option that some method knows; empty for others.
std::string_view type_of(std::string_view key) {
    if (key == names::option_deadline_usec) {
        return "t";
    }
    return key == names::option_interactive || key == names::option_refresh ? "b" : "";
}

template <typename Value>
base::Result<Value> value_of(const std::string& key, const sdbus::Variant& variant) {
    const std::string found(variant.peekValueType());
    if (found != type_of(key)) {
        return std::unexpected(wrong_type(key, found, type_of(key)));
    }
    return variant.get<Value>();
}

}  // namespace

sdbus::Message& operator>>(sdbus::Message& message, OptionMap& options) {
    if (!message.enterContainer("{sv}")) {
        return message;
    }
    for (std::size_t count = 0; message.enterDictEntry("sv"); ++count) {
        if (count == most_options) {
            throw to_bus_error(
                base::Error(base::Errc::invalid_argument,
                            "more than " + std::to_string(most_options) + " options"));
        }
        char* text = nullptr;
        message >> text;
        const std::string_view key(text);
        const std::string_view expected = type_of(key);
        if (expected.empty()) {
            throw to_bus_error(unknown_key(key));
        }
        if (const std::string found = peek_variant(message); found != expected) {
            throw to_bus_error(wrong_type(key, found, expected));
        }
        sdbus::Variant value;
        message >> value;
        options.emplace(key, std::move(value));
        message.exitDictEntry();
    }
    message.clearFlags();
    message.exitContainer();
    return message;
}

base::Result<MethodOptions> parse_method_options(const OptionMap& options, KnownOptions known,
                                                 base::TimePoint now,
                                                 base::Duration default_deadline) {
    MethodOptions parsed;
    parsed.deadline = now + default_deadline;
    for (const auto& [key, variant] : options) {
        if (key == names::option_deadline_usec) {
            const auto value = value_of<std::uint64_t>(key, variant);
            if (!value) {
                return std::unexpected(value.error());
            }
            const std::uint64_t longest = std::chrono::microseconds(longest_deadline).count();
            parsed.deadline = now + std::chrono::microseconds(std::min(*value, longest));
        } else if (key == names::option_interactive ||
                   (key == names::option_refresh && known == KnownOptions::with_refresh)) {
            const auto value = value_of<bool>(key, variant);
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
