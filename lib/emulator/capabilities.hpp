// SPDX-License-Identifier: Apache-2.0
//
// The capabilities that an emulated function carries around its DOE instances, as a real one would: they make the chains
// worth walking. Extended ones go to the lowest room there is and are left out where there is none.
#pragma once

#include "emulator/config_image.hpp"

#include <cstdint>

namespace doed::emulator {

/// PCI Express capability (PCIe r6.2 7.5.3): an endpoint, or the upstream port of a switch.
void add_pcie_capability(ConfigImage& image, HeaderType header);
/// MSI-X (PCIe r6.2 7.7.2) with `vectors` (1..2048) vectors in BAR 0; for endpoints.
void add_msix(ConfigImage& image, std::uint16_t vectors);
/// MSI (PCIe r6.2 7.7.1), 64-bit, with the next power of two of `vectors` (1..32) vectors.
void add_msi(ConfigImage& image, std::uint16_t vectors);

/// Advanced Error Reporting (PCIe r6.2 7.8.4).
void add_error_reporting(ConfigImage& image);
/// Device Serial Number (PCIe r6.2 7.9.3).
void add_serial_number(ConfigImage& image, std::uint64_t serial);
/// The DVSECs of a CXL memory device with one memory range (CXL r3.1 8.1.3, 8.1.8, 8.1.9): device, flex bus port,
/// register locator.
void add_cxl_memory_device(ConfigImage& image, std::uint64_t memory_size_bytes);
/// The DVSECs of a CXL switch port (CXL r3.1 8.1.5, 8.1.8, 8.1.9): port extensions, flex bus port, register locator.
void add_cxl_port(ConfigImage& image);

}  // namespace doed::emulator
