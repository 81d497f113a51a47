// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed/errors.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace doed::client {

namespace {

struct Row {
    std::string_view name;
    int error;
};

constexpr std::string_view own_prefix = "org.doed1.Error.";
constexpr Row own_errors[] = {
    {"NotSupported", EOPNOTSUPP},
    {"NotAllowed", EPERM},
    {"Lockdown", EPERM},
    {"KernelOwned", EBUSY},
    {"Released", EBUSY},
    {"Busy", EAGAIN},
    {"Aborted", EAGAIN},
    {"LimitsExceeded", EAGAIN},
    {"Cancelled", ERESTART},
    {"Timeout", ETIMEDOUT},
    {"DeadlineExceeded", ETIME},
    {"DeviceError", EIO},
    {"Dead", EIO},
    {"Malformed", EBADMSG},
    {"DeviceGone", ENODEV},
    {"TooLarge", E2BIG},
};

constexpr std::string_view bus_prefix = "org.freedesktop.DBus.Error.";
constexpr Row bus_errors[] = {
    {"NoReply", ERESTART},
    {"Timeout", ETIME},
    {"TimedOut", ETIME},
    {"LimitsExceeded", EAGAIN},
    {"AccessDenied", EACCES},
    {"AuthFailed", EACCES},
    {"InteractiveAuthorizationRequired", EACCES},
    {"InvalidArgs", EINVAL},
    {"UnknownObject", ENOENT},
    {"UnknownInterface", EOPNOTSUPP},
    {"UnknownMethod", EOPNOTSUPP},
    {"UnknownProperty", EOPNOTSUPP},
    {"NotSupported", EOPNOTSUPP},
    {"ServiceUnknown", ESRCH},
    {"NameHasNoOwner", ESRCH},
    {"Disconnected", ENOTCONN},
    {"NoMemory", ENOMEM},
};
// The bus started doed and it did not come up.
constexpr std::string_view spawn_prefix = "Spawn.";

constexpr int unknown_error = EREMOTEIO;

template <std::size_t N>
int find(const Row (&rows)[N], std::string_view name) noexcept {
    for (const auto& row : rows) {
        if (row.name == name) {
            return -row.error;
        }
    }
    return -unknown_error;
}

}  // namespace

int errno_of(std::string_view dbus_name) noexcept {
    if (dbus_name.starts_with(own_prefix)) {
        return find(own_errors, dbus_name.substr(own_prefix.size()));
    }
    if (!dbus_name.starts_with(bus_prefix)) {
        return -unknown_error;
    }
    const auto name = dbus_name.substr(bus_prefix.size());
    return name.starts_with(spawn_prefix) ? -ESRCH : find(bus_errors, name);
}

std::string errno_text(std::string_view what, int error) {
    return std::string(what) + ": " + std::system_category().message(std::abs(error));
}

bool is_connection_lost(int error) noexcept {
    return error == -ECONNRESET || error == -ENOTCONN || error == -EPIPE || error == -ESHUTDOWN;
}

}  // namespace doed::client
