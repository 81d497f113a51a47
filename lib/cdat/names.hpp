// SPDX-License-Identifier: Apache-2.0
//
// The words for numbers in a table, as they stand in reports and JSON.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace doed::cdat {

/// A bit of a Flags field and its name.
struct FlagName {
    std::uint8_t bit;
    std::string_view name;
};

/// "non-volatile", "shareable", "hardware-managed-coherency", "dynamic-capacity", "read-only"
[[nodiscard]] std::span<const FlagName> dsmas_flags() noexcept;
/// "minimum-transfer-size", "non-sequential"; the memory hierarchy is no flag.
[[nodiscard]] std::span<const FlagName> dslbis_flags() noexcept;
/// "memory-attached"
[[nodiscard]] std::span<const FlagName> dsis_flags() noexcept;

[[nodiscard]] std::vector<std::string_view> names_of(std::uint8_t flags,
                                                     std::span<const FlagName> known);

// Each of these is empty for a number that means nothing.

/// "EfiConventionalMemory", "EfiConventionalMemory+EFI_MEMORY_SP", "EfiReservedMemoryType"
[[nodiscard]] std::string_view efi_memory_type_name(std::uint8_t type) noexcept;
/// "memory", "first-level cache", ...
[[nodiscard]] std::string_view hierarchy_name(unsigned hierarchy) noexcept;
/// "none", "direct-mapped", "complex"
[[nodiscard]] std::string_view associativity_name(unsigned associativity) noexcept;
/// "none", "write-back", "write-through"
[[nodiscard]] std::string_view write_policy_name(unsigned policy) noexcept;

/// "upstream", "any" or the downstream port's number.
[[nodiscard]] std::string port_name(std::uint16_t port);

}  // namespace doed::cdat
