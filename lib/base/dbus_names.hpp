// SPDX-License-Identifier: Apache-2.0
//
// Every D-Bus name of the public contract, in one place for daemon and client. The contract itself is dbus/*.xml.
#pragma once

namespace doed::names {

inline constexpr char bus_name[] = "org.doed1";
inline constexpr char root_path[] = "/org/doed1";
inline constexpr char device_path_prefix[] = "/org/doed1/device/";
inline constexpr char mailbox_node_prefix[] = "mailbox_";

inline constexpr char manager_interface[] = "org.doed1.Manager";
inline constexpr char device_interface[] = "org.doed1.Device";
inline constexpr char mailbox_interface[] = "org.doed1.Mailbox";
inline constexpr char cdat_interface[] = "org.doed1.Cdat";

inline constexpr char error_prefix[] = "org.doed1.Error.";

/// Options that every method takes in its trailing a{sv}.
inline constexpr char option_deadline_usec[] = "deadline-usec";  ///< t: microseconds from now
inline constexpr char option_interactive[] = "interactive";      ///< b: polkit may ask the user
inline constexpr char option_refresh[] =
    "refresh";  ///< b: read from the device, not from the cache

}  // namespace doed::names
