// SPDX-License-Identifier: Apache-2.0
//
// Events as lines, for people and for programs. Lines of both kinds end with a line break.
#pragma once

#include "client/events.hpp"
#include "client/palette.hpp"

#include <string>

namespace doed::client {

/// Time (UTC), device or mailbox, kind, and what changed; texts of others are made printable.
[[nodiscard]] std::string render_event(const Event& event, const Palette& palette = Palette());
[[nodiscard]] std::string render_event_titles(const Palette& palette = Palette());

/// One object; members that a kind has nothing for are left out.
[[nodiscard]] std::string json_of_event(const Event& event);

/// What is told before an event that others got lost in front of.
[[nodiscard]] Event lost_before(const Event& event);

}  // namespace doed::client
