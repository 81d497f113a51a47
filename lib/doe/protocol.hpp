// SPDX-License-Identifier: Apache-2.0
//
// Data object protocols: a vendor id and an object type (PCIe r6.2 6.30.1), and the allow-list of those that this
// service drives. The list is compiled in; configuration can only take entries away.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace doed::doe {

struct Protocol {
    std::uint16_t vendor_id = 0;
    std::uint8_t object_type = 0;

    friend auto operator<=>(const Protocol&, const Protocol&) = default;

    /// "1e98:02", as the kernel's doe_features names it.
    [[nodiscard]] std::string to_string() const;
    /// The inverse of to_string; nothing for any other text.
    [[nodiscard]] static std::optional<Protocol> parse(std::string_view text);
    /// The specification's name; empty for a protocol not known here.
    [[nodiscard]] std::string_view name() const noexcept;
};

inline constexpr std::uint16_t vendor_pci_sig = 0x0001;
inline constexpr std::uint16_t vendor_cxl = 0x1E98;

inline constexpr Protocol protocol_discovery{vendor_pci_sig, 0x00};  ///< PCIe r6.2 6.30.1.1
inline constexpr Protocol protocol_cma_spdm{vendor_pci_sig, 0x01};   ///< PCIe r6.2 6.31.3
inline constexpr Protocol protocol_table_access{vendor_cxl, 0x02};   ///< CXL r3.1 8.1.11.1

struct AllowedProtocol {
    Protocol protocol;
    std::uint32_t max_response_dw = 0;  ///< longest response the protocol can have, header included
};

class AllowList {
public:
    /// Everything this build can drive: discovery and CXL table access.
    AllowList();

    [[nodiscard]] std::optional<AllowedProtocol> find(Protocol protocol) const noexcept;
    [[nodiscard]] const std::vector<AllowedProtocol>& entries() const noexcept { return entries_; }
    /// Takes a protocol away; false when it was not listed. Discovery stays: nothing works without it.
    bool remove(Protocol protocol);

private:
    std::vector<AllowedProtocol> entries_;
};

}  // namespace doed::doe
