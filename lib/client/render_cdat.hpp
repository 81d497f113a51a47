// SPDX-License-Identifier: Apache-2.0
//
// A CDAT for people: as a report, as an annotated dump, and as the list of what is wrong with it. The summary has a file of
// its own, render_cdat_summary.hpp.
#pragma once

#include "client/cdat_reading.hpp"
#include "client/palette.hpp"

#include <span>
#include <string>

namespace doed::client {

/// Header, problems, and every structure with its fields in words and units. '!' at the begin of a line marks a warning or an
/// error in that field, '?' a notice. Frames and reserved fields that are 0 are left out.
[[nodiscard]] std::string render_cdat(const CdatReading& reading, bool legend);

/// Every byte, with its offset and the field it belongs to.
[[nodiscard]] std::string render_cdat_hex(const CdatReading& reading, bool legend);

/// A line for each problem, behind the table's name; one line that there is none, if `legend`.
[[nodiscard]] std::string render_cdat_problems(std::span<const CdatReading> readings, bool legend,
                                               const Palette& palette = Palette());

}  // namespace doed::client
