// SPDX-License-Identifier: Apache-2.0
//
// The standard (PCI 3.0 6.7) and extended (PCIe r6.2 7.6.3) capability chains of a function. A chain is the device's
// word: loops, misaligned and out-of-range pointers end the walk and are reported, never followed.
#pragma once

#include "pci/config_space.hpp"
#include "pci/device_info.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace doed::pci {

struct Capability {
    std::uint16_t id = 0;
    std::uint8_t version = 0;  ///< extended capabilities only
    std::uint16_t offset = 0;
};

struct CapabilityChain {
    std::vector<Capability> capabilities;  ///< in chain order
    std::string defect;       ///< why the walk ended early; empty when the chain is sound
    bool unanswered = false;  ///< the function answers, and nothing does where the chain begins
};

/// The chain that starts at the Capabilities Pointer (0x34). Errors: those of ConfigSpace, device_gone on all ones.
[[nodiscard]] base::Result<CapabilityChain> walk_capabilities(ConfigSpace& config);

/// The chain that starts at 0x100. A function without extended space yields an empty chain. Same errors.
[[nodiscard]] base::Result<CapabilityChain> walk_extended_capabilities(ConfigSpace& config);

/// The DOE capabilities of an extended chain, by ascending offset, leaving out any whose 24 bytes do not fit.
[[nodiscard]] std::vector<DoeCapability> doe_capabilities(const CapabilityChain& chain);

}  // namespace doed::pci
