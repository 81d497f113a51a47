// SPDX-License-Identifier: Apache-2.0
//
// What doed has counted since it began to serve each mailbox, for people.
#pragma once

#include "client/palette.hpp"
#include "client/records.hpp"

#include <span>
#include <string>

namespace doed::client {

/// One line per mailbox. `legend`: with column titles, sums, and what is counted in which unit.
[[nodiscard]] std::string render_stats(std::span<const DeviceRecord> devices, bool legend,
                                       const Palette& palette = Palette());

}  // namespace doed::client
