// SPDX-License-Identifier: Apache-2.0
//
// Any keys and values as the options of a D-Bus method: taken, or refused in words that can be sent back.
#include "base/dbus_names.hpp"
#include "daemon/bus/method_options.hpp"
#include "fuzz/target.hpp"

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using doed::bus::KnownOptions;
using doed::bus::OptionMap;
using doed::fuzz::Input;

constexpr doed::base::TimePoint now{24h};
constexpr doed::base::Duration default_deadline = 20s;

// The bus takes no other: invalid UTF-8 ends the connection that sends it, so clients cannot send it either.
bool is_utf8(std::string_view text) {
    std::size_t follow = 0;
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        if (follow > 0) {
            if ((byte & 0xC0U) != 0x80U) {
                return false;
            }
            --follow;
        } else if (byte >= 0xF0U) {
            follow = byte < 0xF5U ? 3 : 9;
        } else if (byte >= 0xE0U) {
            follow = 2;
        } else if (byte >= 0xC2U) {
            follow = 1;
        } else if (byte >= 0x80U || byte == 0) {
            return false;
        }
    }
    return follow == 0;
}

std::string key(Input& input) {
    switch (input.byte() % 4) {
        case 0: return std::string(doed::names::option_deadline_usec);
        case 1: return std::string(doed::names::option_interactive);
        case 2: return std::string(doed::names::option_refresh);
        default: return input.text();
    }
}

sdbus::Variant value(Input& input) {
    switch (input.byte() % 9) {
        case 0: return sdbus::Variant(input.qword());
        case 1: return sdbus::Variant((input.byte() & 1U) != 0);
        case 2: return sdbus::Variant(input.dword());
        case 3: return sdbus::Variant(static_cast<std::int64_t>(input.qword()));
        case 4: return sdbus::Variant(input.byte());
        case 5: return sdbus::Variant(std::string("text"));
        case 6: return sdbus::Variant(std::vector<std::uint64_t>(input.byte() % 8));
        case 7:
            return sdbus::Variant(
                std::map<std::string, sdbus::Variant>{{"x", sdbus::Variant(true)}});
        default: return sdbus::Variant(sdbus::Variant(input.qword()));
    }
}

void parse(const OptionMap& options, KnownOptions known) {
    const auto parsed = doed::bus::parse_method_options(options, known, now, default_deadline);
    if (!parsed) {
        DOED_ASSERT(parsed.error().code() == doed::base::Errc::invalid_argument);
        DOED_ASSERT(is_utf8(parsed.error().message()));
        DOED_ASSERT(parsed.error().message().size() < 300);
        return;
    }
    DOED_ASSERT(parsed->deadline >= now && parsed->deadline <= now + doed::bus::longest_deadline);
    DOED_ASSERT(!parsed->refresh || known == KnownOptions::with_refresh);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    Input input(data, size_bytes);
    OptionMap options;
    while (!input.empty() && options.size() < 16) {
        auto name = key(input);
        auto content = value(input);
        if (is_utf8(name)) {
            options[std::move(name)] = std::move(content);
        }
    }
    parse(options, KnownOptions::common);
    parse(options, KnownOptions::with_refresh);
    return 0;
}
