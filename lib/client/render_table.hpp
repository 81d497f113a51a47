// SPDX-License-Identifier: Apache-2.0
//
// doectl's output for people. Every text from a device or the bus is made printable. `legend`: with column titles and sums.
#pragma once

#include "client/records.hpp"

#include <span>
#include <string>

namespace doed::client {

/// One line per mailbox; a device without any has a line of its own.
[[nodiscard]] std::string render_device_list(std::span<const DeviceRecord> devices, bool legend);

/// Everything about a device and its mailboxes.
[[nodiscard]] std::string render_device(const DeviceRecord& device);

[[nodiscard]] std::string render_features(std::span<const Feature> features, bool legend);

}  // namespace doed::client
