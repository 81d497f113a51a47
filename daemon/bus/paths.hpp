// SPDX-License-Identifier: Apache-2.0
//
// Object paths of devices and mailboxes.
#pragma once

#include "pci/address.hpp"

#include <cstdint>
#include <string>

namespace doed::bus {

/// "/org/doed1/device/0000_0d_00_0"
[[nodiscard]] std::string device_path(const pci::Address& address);
/// "/org/doed1/device/0000_0d_00_0/mailbox_190"
[[nodiscard]] std::string mailbox_path(const pci::Address& address,
                                       std::uint16_t capability_offset);

}  // namespace doed::bus
