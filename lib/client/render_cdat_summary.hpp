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

/// A matrix: a line for each memory range, initiator and switch, and for each table that tells of none, with its figures, what
/// the kernel made of it, and a mark where there are problems. Then the ways through each switch, up to a limit.
[[nodiscard]] std::string render_host_summary(std::span<const CdatReading> readings, bool legend);

}  // namespace doed::client
