// SPDX-License-Identifier: Apache-2.0
#include "emulator/config_image.hpp"

#include "base/assert.hpp"

#include <algorithm>

#include <linux/pci_regs.h>

namespace doed::emulator {

namespace {

constexpr std::uint16_t first_standard_offset = PCI_STD_HEADER_SIZEOF;
constexpr std::uint16_t first_extended_offset = PCI_CFG_SPACE_SIZE;

constexpr std::uint32_t status_in_dword(std::uint32_t status) {
    return status << 16;  // Status is the upper half of the dword of Command
}

constexpr std::uint32_t command_writable = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                           PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                           PCI_COMMAND_INTX_DISABLE;
constexpr std::uint32_t interrupt_line = 0xFF;

// Primary, Secondary and Subordinate Bus Number; memory windows in steps of 1 MiB.
constexpr std::uint32_t bridge_bus_numbers = 0x00FFFFFF;
constexpr std::uint32_t bridge_memory_window = 0xFFF0FFF0;
constexpr std::uint32_t bridge_control =
    std::uint32_t{PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_BUS_RESET} << 16;

std::size_t index_of(std::uint16_t offset) {
    DOED_ASSERT(offset % 4 == 0 && offset < pci::config_space_size_bytes);
    return offset / 4;
}

bool overlap(const ExtendedCapability& a, const ExtendedCapability& b) {
    return a.offset < b.offset + b.size_bytes && b.offset < a.offset + a.size_bytes;
}

}  // namespace

ConfigImage::ConfigImage(const FunctionIdentity& identity, HeaderType header)
    : standard_end_(first_standard_offset) {
    set32(PCI_VENDOR_ID, identity.vendor_id | std::uint32_t{identity.device_id} << 16);
    set_writable(PCI_COMMAND, command_writable);
    set32(PCI_CLASS_REVISION, identity.class_code << 8);
    set_bits(PCI_CACHE_LINE_SIZE, 0x00FF0000,
             std::uint32_t{static_cast<std::uint8_t>(header)} << 16);
    set_writable(PCI_CACHE_LINE_SIZE, 0xFF);
    set_writable(PCI_INTERRUPT_LINE, interrupt_line);
    if (header == HeaderType::endpoint) {
        set32(PCI_SUBSYSTEM_VENDOR_ID,
              identity.subsystem_vendor_id | std::uint32_t{identity.subsystem_id} << 16);
    } else {
        set_writable(PCI_PRIMARY_BUS, bridge_bus_numbers);
        set_writable(PCI_MEMORY_BASE, bridge_memory_window);
        set_writable(PCI_INTERRUPT_LINE, interrupt_line | bridge_control);
    }
}

std::uint32_t ConfigImage::read32(std::uint16_t offset) const {
    return values_[index_of(offset)];
}

void ConfigImage::write32(std::uint16_t offset, std::uint32_t value) {
    set_bits(offset, writable_[index_of(offset)], value);
}

void ConfigImage::set32(std::uint16_t offset, std::uint32_t value) {
    values_[index_of(offset)] = value;
}

void ConfigImage::set_bits(std::uint16_t offset, std::uint32_t mask, std::uint32_t value) {
    std::uint32_t& dword = values_[index_of(offset)];
    dword = (dword & ~mask) | (value & mask);
}

void ConfigImage::set_writable(std::uint16_t offset, std::uint32_t mask) {
    writable_[index_of(offset)] = mask;
}

std::uint8_t ConfigImage::add_capability(std::uint8_t id, std::uint8_t size_bytes) {
    const std::uint16_t offset = standard_end_;
    DOED_ASSERT(size_bytes % 4 == 0 && offset + size_bytes <= first_extended_offset);
    if (last_standard_ == 0) {
        set_bits(PCI_CAPABILITY_LIST, 0xFF, offset);
        set_bits(PCI_COMMAND, status_in_dword(PCI_STATUS_CAP_LIST),
                 status_in_dword(PCI_STATUS_CAP_LIST));
    } else {
        set_bits(last_standard_, 0xFF00, std::uint32_t{offset} << 8);
    }
    set_bits(offset, 0xFFFF, id);
    last_standard_ = static_cast<std::uint8_t>(offset);
    standard_end_ = static_cast<std::uint16_t>(offset + size_bytes);
    return last_standard_;
}

bool ConfigImage::add_extended_capability(const ExtendedCapability& capability) {
    DOED_ASSERT(capability.offset % 4 == 0 && capability.size_bytes % 4 == 0);
    if (capability.offset < first_extended_offset ||
        capability.offset + capability.size_bytes > pci::config_space_size_bytes ||
        std::ranges::any_of(extended_,
                            [&](const auto& other) { return overlap(capability, other); })) {
        return false;
    }
    extended_.push_back(capability);
    std::ranges::sort(extended_, {}, &ExtendedCapability::offset);
    link_extended_capabilities();
    return true;
}

std::optional<std::uint16_t> ConfigImage::find_extended_room(std::uint16_t size_bytes) const {
    std::uint16_t candidate = first_extended_offset;
    for (const auto& capability : extended_) {
        if (candidate + size_bytes <= capability.offset) {
            return candidate;
        }
        candidate = static_cast<std::uint16_t>(capability.offset + capability.size_bytes);
    }
    return candidate + size_bytes <= pci::config_space_size_bytes ? std::optional(candidate)
                                                                  : std::nullopt;
}

// The chain starts at 0x100. When nothing lives there, a null capability does: id 0, version 0, and only a link.
void ConfigImage::link_extended_capabilities() {
    set32(first_extended_offset, 0);
    std::uint16_t previous = first_extended_offset;
    for (const auto& capability : extended_) {
        set_bits(previous, 0xFFF00000, std::uint32_t{capability.offset} << 20);
        set32(capability.offset, capability.id | std::uint32_t{capability.version} << 16);
        previous = capability.offset;
    }
}

}  // namespace doed::emulator
