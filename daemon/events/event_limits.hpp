// SPDX-License-Identifier: Apache-2.0
//
// How much subscribers to events may take of the daemon.
#pragma once

#include <cstdint>

namespace doed::daemon {

struct EventLimits {
    std::uint32_t subscribers_per_user = 8;
    std::uint32_t subscribers_in_all = 64;
    std::uint32_t queue = 256;  ///< events that wait for one subscriber; at least 1
};

}  // namespace doed::daemon
