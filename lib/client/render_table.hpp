// SPDX-License-Identifier: Apache-2.0
//
// doectl's output for people. Every text from a device or the bus is made printable. `legend`: with column titles and sums.
#pragma once

#include "client/palette.hpp"
#include "client/records.hpp"

#include <span>
#include <string>

namespace doed::client {

/// One line per mailbox; a device without any has a line of its own.
[[nodiscard]] std::string render_device_list(std::span<const DeviceRecord> devices, bool legend,
                                             const Palette& palette = Palette());

/// Everything about a device and its mailboxes.
[[nodiscard]] std::string render_device(const DeviceRecord& device,
                                        const Palette& palette = Palette());

/// The names that doectl takes, one per line: each device, then its mailboxes.
[[nodiscard]] std::string render_names(std::span<const DeviceRecord> devices);

[[nodiscard]] std::string render_features(std::span<const Feature> features, bool legend);

}  // namespace doed::client
