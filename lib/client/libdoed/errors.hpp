// SPDX-License-Identifier: Apache-2.0
//
// The errno values that stand for D-Bus errors: the table of doed_error_to_errno().
#pragma once

#include <string>
#include <string_view>

namespace doed::client {

/// Negative.
[[nodiscard]] int errno_of(std::string_view dbus_name) noexcept;

/// "what: the errno value's text"; of either sign.
[[nodiscard]] std::string errno_text(std::string_view what, int error);

/// Errors of sd-bus that mean that the connection broke.
[[nodiscard]] bool is_connection_lost(int error) noexcept;

}  // namespace doed::client
