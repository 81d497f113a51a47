// SPDX-License-Identifier: Apache-2.0
//
// How errors look on the bus: one D-Bus error name per Errc. The names are part of the contract.
#pragma once

#include "base/error.hpp"
#include "daemon/bus/compat.hpp"

#include <string_view>

namespace doed::bus {

/// "org.doed1.Error.Timeout", or the freedesktop name where one says the same.
[[nodiscard]] std::string_view error_name(base::Errc code) noexcept;

/// The error as it is sent to a client: name, and a message with device, mailbox and cause.
[[nodiscard]] sdbus::Error to_bus_error(const base::Error& error);

}  // namespace doed::bus
