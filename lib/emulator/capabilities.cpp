// SPDX-License-Identifier: Apache-2.0
#include "emulator/capabilities.hpp"

#include "base/assert.hpp"
#include "doe/protocol.hpp"

#include <bit>

#include <linux/pci_regs.h>

namespace doed::emulator {

namespace {

// The part of a register pair's dword that its upper, 16-bit register takes.
constexpr std::uint32_t upper_half(std::uint32_t value) {
    return value << 16;
}

std::uint16_t at(std::uint16_t capability, std::uint32_t register_offset) {
    return static_cast<std::uint16_t>(capability + register_offset);
}

std::optional<std::uint16_t> place(ConfigImage& image, std::uint16_t id, std::uint8_t version,
                                   std::uint16_t size_bytes) {
    const auto offset = image.find_extended_room(size_bytes);
    if (!offset || !image.add_extended_capability({id, version, *offset, size_bytes})) {
        return std::nullopt;
    }
    return offset;
}

// DVSEC ids, revisions and sizes of CXL r3.1 8.1.2.
struct CxlDvsec {
    std::uint16_t id;
    std::uint8_t revision;
    std::uint16_t size_bytes;
};
constexpr CxlDvsec cxl_device{0, 3, 0x3C};
constexpr CxlDvsec cxl_port_extensions{3, 0, 0x28};
constexpr CxlDvsec cxl_flex_bus_port{7, 2, 0x20};
constexpr CxlDvsec cxl_register_locator{8, 0, 0x24};

std::optional<std::uint16_t> place_cxl(ConfigImage& image, const CxlDvsec& dvsec) {
    const auto offset = place(image, PCI_EXT_CAP_ID_DVSEC, 1, dvsec.size_bytes);
    if (offset) {
        image.set32(at(*offset, PCI_DVSEC_HEADER1), doe::vendor_cxl |
                                                        std::uint32_t{dvsec.revision} << 16 |
                                                        std::uint32_t{dvsec.size_bytes} << 20);
        image.set32(at(*offset, PCI_DVSEC_HEADER2), dvsec.id);
    }
    return offset;
}

constexpr std::uint32_t cxl_io_capable = 1U << 1;  // of the device and of the flex bus port
constexpr std::uint32_t cxl_mem_capable = 1U << 2;

void add_flex_bus_port(ConfigImage& image) {
    if (const auto offset = place_cxl(image, cxl_flex_bus_port)) {
        image.set_bits(at(*offset, PCI_DVSEC_HEADER2), 0xFFFF0000,
                       upper_half(cxl_io_capable | cxl_mem_capable));
    }
}

}  // namespace

void add_pcie_capability(ConfigImage& image, HeaderType header) {
    constexpr std::uint8_t size_bytes = 0x3C;
    constexpr std::uint32_t version = 2;
    const std::uint32_t port_type =
        header == HeaderType::bridge ? PCI_EXP_TYPE_UPSTREAM : PCI_EXP_TYPE_ENDPOINT;
    const std::uint16_t offset = image.add_capability(PCI_CAP_ID_EXP, size_bytes);
    image.set_bits(offset, 0xFFFF0000, upper_half(version | port_type << 4));
    image.set32(at(offset, PCI_EXP_DEVCAP), PCI_EXP_DEVCAP_RBER);
    image.set_writable(at(offset, PCI_EXP_DEVCTL),
                       PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE |
                           PCI_EXP_DEVCTL_URRE | PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ);
    // 32 GT/s, 16 lanes, up.
    constexpr std::uint32_t speed_32gt = 5;
    constexpr std::uint32_t lanes_16 = 16U << 4;
    image.set32(at(offset, PCI_EXP_LNKCAP), speed_32gt | lanes_16);
    image.set32(at(offset, PCI_EXP_LNKCTL), upper_half(speed_32gt | lanes_16));
}

void add_msix(ConfigImage& image, std::uint16_t vectors) {
    DOED_ASSERT(1 <= vectors && vectors <= 2048);
    constexpr std::uint32_t pending_bits_offset =
        0x8000;  // behind 2048 vectors of 16 bytes, in BAR 0
    constexpr std::uint32_t bar_64_bit = PCI_BASE_ADDRESS_MEM_TYPE_64;
    constexpr std::uint32_t bar_address = 0xFFFF0000;  // 64 KiB
    image.set32(PCI_BASE_ADDRESS_0, bar_64_bit);
    image.set_writable(PCI_BASE_ADDRESS_0, bar_address);
    image.set_writable(PCI_BASE_ADDRESS_1, pci::all_ones);

    const std::uint16_t offset = image.add_capability(PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
    image.set_bits(offset, 0xFFFF0000, upper_half(vectors - 1U));
    image.set_writable(offset, upper_half(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL));
    image.set32(at(offset, PCI_MSIX_PBA), pending_bits_offset);
}

void add_msi(ConfigImage& image, std::uint16_t vectors) {
    DOED_ASSERT(1 <= vectors && vectors <= 32);
    constexpr std::uint8_t size_bytes = PCI_MSI_MASK_64;
    const auto log2_vectors = static_cast<std::uint32_t>(std::bit_width(vectors - 1U));
    const std::uint16_t offset = image.add_capability(PCI_CAP_ID_MSI, size_bytes);
    image.set_bits(offset, 0xFFFF0000, upper_half(PCI_MSI_FLAGS_64BIT | log2_vectors << 1));
    image.set_writable(offset, upper_half(PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE));
    image.set_writable(at(offset, PCI_MSI_ADDRESS_LO), 0xFFFFFFFC);
    image.set_writable(at(offset, PCI_MSI_ADDRESS_HI), pci::all_ones);
    image.set_writable(at(offset, PCI_MSI_DATA_64), 0xFFFF);
}

void add_error_reporting(ConfigImage& image) {
    constexpr std::uint16_t size_bytes = 0x48;
    constexpr std::uint32_t default_severity = 0x00462030;  // what is fatal after reset
    constexpr std::uint32_t correctable_mask = 0x00002000;  // advisory non-fatal errors
    if (const auto offset = place(image, PCI_EXT_CAP_ID_ERR, 2, size_bytes)) {
        image.set32(at(*offset, PCI_ERR_UNCOR_SEVER), default_severity);
        image.set_writable(at(*offset, PCI_ERR_UNCOR_SEVER), default_severity);
        image.set_writable(at(*offset, PCI_ERR_UNCOR_MASK), default_severity);
        image.set32(at(*offset, PCI_ERR_COR_MASK), correctable_mask);
        image.set_writable(at(*offset, PCI_ERR_COR_MASK), correctable_mask);
    }
}

void add_serial_number(ConfigImage& image, std::uint64_t serial) {
    if (const auto offset = place(image, PCI_EXT_CAP_ID_DSN, 1, PCI_EXT_CAP_DSN_SIZEOF)) {
        image.set32(at(*offset, 4), static_cast<std::uint32_t>(serial));
        image.set32(at(*offset, 8), static_cast<std::uint32_t>(serial >> 32));
    }
}

void add_cxl_memory_device(ConfigImage& image, std::uint64_t memory_size_bytes) {
    constexpr std::uint32_t one_memory_range = 1U << 4;
    constexpr std::uint32_t range1_size_high = 0x18;
    constexpr std::uint32_t range1_size_low =
        0x1C;  // size bits 31:28; bit 0 info valid, bit 1 active
    constexpr std::uint32_t range_valid_and_active = 0x3;
    if (const auto offset = place_cxl(image, cxl_device)) {
        image.set_bits(at(*offset, PCI_DVSEC_HEADER2), 0xFFFF0000,
                       upper_half(cxl_io_capable | cxl_mem_capable | one_memory_range));
        image.set32(at(*offset, range1_size_high),
                    static_cast<std::uint32_t>(memory_size_bytes >> 32));
        image.set32(
            at(*offset, range1_size_low),
            (static_cast<std::uint32_t>(memory_size_bytes) & 0xF0000000) | range_valid_and_active);
    }
    add_flex_bus_port(image);
    static_cast<void>(place_cxl(image, cxl_register_locator));
}

void add_cxl_port(ConfigImage& image) {
    static_cast<void>(place_cxl(image, cxl_port_extensions));
    add_flex_bus_port(image);
    static_cast<void>(place_cxl(image, cxl_register_locator));
}

}  // namespace doed::emulator
