// SPDX-License-Identifier: Apache-2.0
#include "cdat/names.hpp"

#include "cdat/structures.hpp"

#include <array>

namespace doed::cdat {

namespace {

constexpr std::array dsmas_names{
    FlagName{Dsmas::non_volatile, "non-volatile"},
    FlagName{Dsmas::shareable, "shareable"},
    FlagName{Dsmas::hardware_managed_coherency, "hardware-managed-coherency"},
    FlagName{Dsmas::dynamic_capacity, "dynamic-capacity"},
    FlagName{Dsmas::read_only, "read-only"},
};
constexpr std::array dslbis_names{
    FlagName{Dslbis::minimum_transfer_size, "minimum-transfer-size"},
    FlagName{Dslbis::non_sequential, "non-sequential"},
};
constexpr std::array dsis_names{FlagName{Dsis::memory_attached, "memory-attached"}};

template <std::size_t count>
std::string_view word(const std::array<std::string_view, count>& words, unsigned number) noexcept {
    return number < count ? words[number] : std::string_view{};
}

}  // namespace

std::span<const FlagName> dsmas_flags() noexcept {
    return dsmas_names;
}

std::span<const FlagName> dslbis_flags() noexcept {
    return dslbis_names;
}

std::span<const FlagName> dsis_flags() noexcept {
    return dsis_names;
}

std::vector<std::string_view> names_of(std::uint8_t flags, std::span<const FlagName> known) {
    std::vector<std::string_view> names;
    for (const FlagName& flag : known) {
        if ((flags & flag.bit) != 0) {
            names.push_back(flag.name);
        }
    }
    return names;
}

std::string_view efi_memory_type_name(std::uint8_t type) noexcept {
    constexpr std::array<std::string_view, efi_memory_type_count> words{
        "EfiConventionalMemory", "EfiConventionalMemory+EFI_MEMORY_SP", "EfiReservedMemoryType"};
    return word(words, type);
}

std::string_view hierarchy_name(unsigned hierarchy) noexcept {
    constexpr std::array<std::string_view, 4> words{"memory", "first-level cache",
                                                    "second-level cache", "third-level cache"};
    return word(words, hierarchy);
}

std::string_view associativity_name(unsigned associativity) noexcept {
    constexpr std::array<std::string_view, 3> words{"none", "direct-mapped", "complex"};
    return word(words, associativity);
}

std::string_view write_policy_name(unsigned policy) noexcept {
    constexpr std::array<std::string_view, 3> words{"none", "write-back", "write-through"};
    return word(words, policy);
}

std::string port_name(std::uint16_t port) {
    switch (port) {
        case SwitchEntry::upstream_port: return "upstream";
        case SwitchEntry::any_port: return "any";
        default: return std::to_string(port);
    }
}

}  // namespace doed::cdat
