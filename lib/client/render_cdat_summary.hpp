// SPDX-License-Identifier: Apache-2.0
//
// How far and how fast memory is, for people: what one CDAT says of each memory range and of the ways through a switch, and
// the same for a whole host.
#pragma once

#include "client/cdat_reading.hpp"

#include <span>
#include <string>

namespace doed::client {

/// A paragraph for each memory range, with where each figure came from; matrices from port to port for a switch.
[[nodiscard]] std::string render_cdat_summary(const CdatReading& reading, bool legend);

/// A line for each memory range of each table, and one for each way through a switch.
[[nodiscard]] std::string render_host_summary(std::span<const CdatReading> readings, bool legend);

}  // namespace doed::client
