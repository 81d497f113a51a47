// SPDX-License-Identifier: Apache-2.0
#include "doe/protocol.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace doed::doe {

namespace {

struct NamedProtocol {
    Protocol protocol;
    std::string_view name;
};

constexpr NamedProtocol known_protocols[] = {
    {{vendor_pci_sig, 0x00}, "DOE Discovery"},
    {{vendor_pci_sig, 0x01}, "CMA/SPDM"},
    {{vendor_pci_sig, 0x02}, "Secured CMA/SPDM"},
    {{vendor_pci_sig, 0x03}, "CMA/SPDM with Connection ID"},
    {{vendor_pci_sig, 0x04}, "Secured CMA/SPDM with Connection ID"},
    {{vendor_pci_sig, 0x05}, "Async Message"},
    {{vendor_cxl, 0x00}, "CXL Compliance"},
    {{vendor_cxl, 0x02}, "CXL Table Access (CDAT)"},
};

// Header and one dword, or two in the form with a maximum length (PCIe r6.2 6.30.1.1).
constexpr std::uint32_t discovery_max_response_dw = 4;
// Header, handle dword, and one CDAT structure, whose length field has 16 bits (CXL r3.1 8.1.11.1).
constexpr std::uint32_t table_access_max_response_dw = 3 + (0xFFFF + 3) / 4;

template <typename Number>
bool parse_hex(std::string_view digits, Number& value) {
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    return error == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace

std::string Protocol::to_string() const {
    char text[8];
    std::snprintf(text, sizeof(text), "%04x:%02x", vendor_id, object_type);
    return text;
}

std::optional<Protocol> Protocol::parse(std::string_view text) {
    Protocol protocol;
    if (text.size() != 7 || text[4] != ':' || !parse_hex(text.substr(0, 4), protocol.vendor_id) ||
        !parse_hex(text.substr(5), protocol.object_type)) {
        return std::nullopt;
    }
    return protocol;
}

std::string_view Protocol::name() const noexcept {
    for (const auto& known : known_protocols) {
        if (known.protocol == *this) {
            return known.name;
        }
    }
    return {};
}

AllowList::AllowList()
    : entries_{{protocol_discovery, discovery_max_response_dw},
               {protocol_table_access, table_access_max_response_dw}} {}

std::optional<AllowedProtocol> AllowList::find(Protocol protocol) const noexcept {
    const auto found = std::ranges::find(entries_, protocol, &AllowedProtocol::protocol);
    return found == entries_.end() ? std::nullopt : std::optional(*found);
}

bool AllowList::remove(Protocol protocol) {
    return protocol != protocol_discovery && std::erase_if(entries_, [&](const auto& entry) {
                                                 return entry.protocol == protocol;
                                             }) > 0;
}

}  // namespace doed::doe
