// SPDX-License-Identifier: Apache-2.0
//
// The DOE extended capability's registers (PCIe r6.2 7.9.24), as offsets from the capability and bit masks. The values
// are <linux/pci_regs.h>'s; this file only gives them the specification's names and the meaning of a status word.
#pragma once

#include <chrono>
#include <cstdint>

#include <linux/pci_regs.h>

namespace doed::doe {

namespace reg {
inline constexpr std::uint16_t capabilities = PCI_DOE_CAP;
inline constexpr std::uint16_t control = PCI_DOE_CTRL;
inline constexpr std::uint16_t status = PCI_DOE_STATUS;
inline constexpr std::uint16_t write_mailbox = PCI_DOE_WRITE;
inline constexpr std::uint16_t read_mailbox = PCI_DOE_READ;
/// The dword of Command and Status that every function has, counted from the start of config space. Some of its bits always
/// read 0, so all ones mean that nobody answers; the Vendor ID of a sound virtual function reads FFFFh (PCIe r6.2 9.3.4.1.1).
inline constexpr std::uint16_t function_command = PCI_COMMAND;
}  // namespace reg

inline constexpr std::uint32_t capabilities_interrupt_support = PCI_DOE_CAP_INT_SUP;

/// The Interrupt Message Number: which MSI message or MSI-X table entry the mailbox uses (bits 11:1).
[[nodiscard]] constexpr std::uint16_t interrupt_message_number(
    std::uint32_t capabilities) noexcept {
    return static_cast<std::uint16_t>((capabilities & PCI_DOE_CAP_INT_MSG_NUM) >> 1);
}

inline constexpr std::uint32_t control_abort = PCI_DOE_CTRL_ABORT;
inline constexpr std::uint32_t control_interrupt_enable = PCI_DOE_CTRL_INT_EN;
inline constexpr std::uint32_t control_go = PCI_DOE_CTRL_GO;

inline constexpr std::uint32_t status_busy = PCI_DOE_STATUS_BUSY;
inline constexpr std::uint32_t status_interrupt = PCI_DOE_STATUS_INT_STATUS;
inline constexpr std::uint32_t status_error = PCI_DOE_STATUS_ERROR;
inline constexpr std::uint32_t status_ready = PCI_DOE_STATUS_DATA_OBJECT_READY;

/// How long a mailbox may keep Busy set, take to respond, or take to abort (PCIe r6.2 6.30.2, 6.30.3).
inline constexpr std::chrono::seconds specification_timeout{1};

}  // namespace doed::doe
