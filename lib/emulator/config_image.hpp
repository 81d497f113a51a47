// SPDX-License-Identifier: Apache-2.0
//
// The 4 KiB configuration space of an emulated function: what its registers read, and which of their bits keep what is
// written to them. Capabilities are linked into their chains as they are added (PCI 3.0 6.7, PCIe r6.2 7.6.3). What the
// capabilities contain is in emulator/capabilities.hpp; registers that do something when accessed are the Device's.
#pragma once

#include "pci/config_space.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace doed::emulator {

/// What a function says it is.
struct FunctionIdentity {
    std::uint16_t vendor_id = 0;
    std::uint16_t device_id = 0;
    std::uint16_t subsystem_vendor_id = 0;  ///< not in bridges
    std::uint16_t subsystem_id = 0;         ///< not in bridges
    std::uint32_t class_code = 0;           ///< 24 bits: base class, subclass, interface
};

/// The layout of the first 64 bytes.
enum class HeaderType : std::uint8_t { endpoint = 0, bridge = 1 };

/// Where an extended capability is and what its header says besides the link.
struct ExtendedCapability {
    std::uint16_t id = 0;
    std::uint8_t version = 1;
    std::uint16_t offset = 0;
    std::uint16_t size_bytes = 0;
};

class ConfigImage {
public:
    ConfigImage(const FunctionIdentity& identity, HeaderType header);

    /// The dword at `offset`, a multiple of 4 below 4096.
    [[nodiscard]] std::uint32_t read32(std::uint16_t offset) const;
    /// Writes the bits of the dword that can be written.
    void write32(std::uint16_t offset, std::uint32_t value);

    /// Sets what the dword reads, whether or not it can be written.
    void set32(std::uint16_t offset, std::uint32_t value);
    /// The same for its bits under `mask`.
    void set_bits(std::uint16_t offset, std::uint32_t mask, std::uint32_t value);
    /// Makes the bits under `mask` keep what is written; all others are read-only.
    void set_writable(std::uint16_t offset, std::uint32_t mask);

    /// Adds a capability behind those there are and returns its offset. All of them fit below 0x100.
    std::uint8_t add_capability(std::uint8_t id, std::uint8_t size_bytes);

    /// Adds an extended capability where it says. False, and nothing done, when it overlaps another or leaves
    /// 0x100..0xFFF; its offset and size are multiples of 4.
    [[nodiscard]] bool add_extended_capability(const ExtendedCapability& capability);
    /// The lowest offset at which an extended capability of that size fits; nothing when there is none.
    [[nodiscard]] std::optional<std::uint16_t> find_extended_room(std::uint16_t size_bytes) const;

private:
    void link_extended_capabilities();

    std::array<std::uint32_t, pci::config_space_size_bytes / 4> values_{};
    std::array<std::uint32_t, pci::config_space_size_bytes / 4> writable_{};
    std::uint16_t standard_end_;                ///< end of the standard capabilities
    std::uint8_t last_standard_ = 0;            ///< offset of the last one, 0 when there is none
    std::vector<ExtendedCapability> extended_;  ///< by ascending offset
};

}  // namespace doed::emulator
