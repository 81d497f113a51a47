// SPDX-License-Identifier: Apache-2.0
//
// The flight recorder for people: a line for each exchange and each abort outside of one, oldest first.
#pragma once

#include "client/palette.hpp"
#include "client/trace_document.hpp"

#include <string>

namespace doed::client {

/// `legend`: with column titles and what there is to say of the mailbox as a whole.
[[nodiscard]] std::string render_trace(const TraceDocument& document, bool legend,
                                       const Palette& palette = Palette());

}  // namespace doed::client
