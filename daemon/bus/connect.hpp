// SPDX-License-Identifier: Apache-2.0
//
// Opening the bus that --bus names.
#pragma once

#include "base/result.hpp"
#include "daemon/bus/compat.hpp"

#include <memory>
#include <string>

namespace doed::bus {

/// `where`: "system", "session", or a D-Bus address such as "unix:path=/run/bus". Waits for the bus
/// daemon's greeting. Error: io, with the reason.
[[nodiscard]] base::Result<std::unique_ptr<sdbus::IConnection>> connect(const std::string& where);

}  // namespace doed::bus
