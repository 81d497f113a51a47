// SPDX-License-Identifier: Apache-2.0
//
// What a fault script makes of a response that has just been made: of the time it takes, of its object, and of what
// happens while it is read.
#pragma once

#include "emulator/response.hpp"

namespace doed::emulator {

/// `response` is sound and due at or after `now`, the time of its GO.
void distort(Response& response, FaultInjector& faults, base::TimePoint now);

}  // namespace doed::emulator
