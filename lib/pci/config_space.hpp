// SPDX-License-Identifier: Apache-2.0
//
// The seam to one PCI function's configuration space. Every access is one aligned dword: a DOE mailbox register must
// never be touched together with its neighbour (PCIe r6.2 7.9.24).
#pragma once

#include "base/result.hpp"

#include <cstdint>

namespace doed::pci {

/// What a config read yields when no device answers (PCIe r6.2 2.3.2).
inline constexpr std::uint32_t all_ones = 0xFFFFFFFFU;

/// Size of the extended configuration space, bytes.
inline constexpr std::uint16_t config_space_size_bytes = 4096;

/// Not thread safe: used from one strand at a time. Accesses may block for as long as the hardware does.
class ConfigSpace {
public:
    ConfigSpace() = default;
    ConfigSpace(const ConfigSpace&) = delete;
    ConfigSpace& operator=(const ConfigSpace&) = delete;
    virtual ~ConfigSpace() = default;

    /// The dword at byte `offset` (a multiple of 4). Errors: device_gone, lockdown, access_denied, io. A value of all
    /// ones may mean a removed device where the backend cannot tell.
    [[nodiscard]] virtual base::Result<std::uint32_t> read32(std::uint16_t offset) = 0;

    /// Writes one dword at byte `offset`. Same errors.
    [[nodiscard]] virtual base::Result<void> write32(std::uint16_t offset, std::uint32_t value) = 0;

    /// Whether the function may still be driven. Asked before every write and after every wait, hence cheap; touches no register
    /// of the function. Error: kernel_owned, with what has taken it.
    [[nodiscard]] virtual base::Result<void> confirm_claim() { return {}; }
    /// After confirm_claim() has failed: whether the kernel cannot be using the function yet, so that one last write may leave it
    /// in order.
    [[nodiscard]] virtual bool may_tidy_up() { return true; }

    /// Brackets a run of accesses between which the function must stay powered: its mailbox loses its state in D3cold.
    virtual void begin_use() {}
    virtual void end_use() {}
};

}  // namespace doed::pci
