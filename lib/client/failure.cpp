// SPDX-License-Identifier: Apache-2.0
#include "client/failure.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace doed::client {

namespace {

using enum FailureKind;

struct KnownError {
    std::string_view dbus_name;
    FailureKind kind;
    std::string_view advice;
};

constexpr std::string_view see_list = "see what is there with: doectl list";
constexpr std::string_view ask_for_group = "join the group doe, or use sudo";
constexpr std::string_view try_again = "try again; if it stays so, suspect the device's firmware";
constexpr std::string_view start_doed = "start it with: systemctl start doed";
constexpr std::string_view see_what_doed_says = "see what doed says with: journalctl -u doed";
constexpr std::string_view see_journal = "see why with: journalctl -u doed";

constexpr KnownError known_errors[] = {
    {"org.doed1.Error.NotSupported", refused,
     "see what the mailbox offers with: doectl show DEVICE/OFFSET"},
    {"org.doed1.Error.NotAllowed", refused,
     "doed serves only the protocols in its property AllowedProtocols"},
    {"org.doed1.Error.KernelOwned", refused,
     "ask for the kernel's own result: doectl show, or cdat without --refresh"},
    {"org.doed1.Error.Released", refused,
     "wait until the program that borrowed the mailbox gives it back"},
    {"org.doed1.Error.Lockdown", refused,
     "only a boot without kernel lockdown makes the mailbox usable"},
    {"org.doed1.Error.Busy", general,
     "try again; see the mailbox's state with: doectl show DEVICE"},
    {"org.doed1.Error.Timeout", timed_out,
     "try again; see the mailbox's counters with: doectl show DEVICE"},
    {"org.doed1.Error.DeadlineExceeded", timed_out, "allow more time with --timeout"},
    {"org.doed1.Error.Aborted", general, "try again"},
    {"org.doed1.Error.DeviceError", general, try_again},
    {"org.doed1.Error.Malformed", general, try_again},
    {"org.doed1.Error.Dead", general,
     "doed tries the mailbox again by itself, and at once with: doectl reset DEVICE/OFFSET"},
    {"org.doed1.Error.DeviceGone", not_found, see_list},
    {"org.doed1.Error.LimitsExceeded", general, "try again when other requests are done"},
    {"org.doed1.Error.Cancelled", general, "try again"},
    {"org.doed1.Error.TooLarge", general, versions_differ},
    {"org.freedesktop.DBus.Error.AccessDenied", access_denied, ask_for_group},
    {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", access_denied, ask_for_group},
    {"org.freedesktop.DBus.Error.UnknownObject", not_found, see_list},
    {"org.freedesktop.DBus.Error.IOError", general, see_what_doed_says},
    {"org.freedesktop.DBus.Error.Failed", general, see_what_doed_says},
    {"org.freedesktop.DBus.Error.InvalidArgs", general, versions_differ},
    {"org.freedesktop.DBus.Error.UnknownInterface", general, versions_differ},
    {"org.freedesktop.DBus.Error.UnknownMethod", general, versions_differ},
    {"org.freedesktop.DBus.Error.UnknownProperty", general, versions_differ},
    {"org.freedesktop.DBus.Error.ServiceUnknown", no_daemon, start_doed},
    {"org.freedesktop.DBus.Error.NameHasNoOwner", no_daemon, start_doed},
    {"org.freedesktop.DBus.Error.NoReply", no_daemon, see_journal},
    {"org.freedesktop.DBus.Error.Disconnected", no_daemon, "see whether the bus still runs"},
    {"org.freedesktop.DBus.Error.Timeout", timed_out, "allow more time with --timeout"},
    {"org.freedesktop.DBus.Error.TimedOut", timed_out, "allow more time with --timeout"},
};

// The bus started doed and it did not come up.
constexpr std::string_view spawn_prefix = "org.freedesktop.DBus.Error.Spawn.";

std::string_view advice_of_errno(int error) noexcept {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
        case EISDIR: return "see whether the name is right";
        case EACCES:
        case EPERM:
        case EROFS: return "take another place, or become who may";
        case ENOSPC:
        case EDQUOT: return "make room there";
        case EPIPE: return "see why its reader ended";
        default: return "try again when the cause is removed";
    }
}

FailureKind kind_of_file_errno(int error) noexcept {
    switch (error) {
        case ENOENT:
        case ENOTDIR: return not_found;
        case EACCES:
        case EPERM:
        case EROFS: return access_denied;
        default: return general;
    }
}

}  // namespace

Failure::Failure(FailureKind kind, std::string message, std::string advice, std::string dbus_name)
    : kind_(kind),
      message_(std::move(message)),
      advice_(std::move(advice)),
      dbus_name_(std::move(dbus_name)) {}

Failure Failure::in(std::string_view prefix) const {
    return Failure(kind_, std::string(prefix) + ": " + message_, advice_, dbus_name_);
}

Failure Failure::advised(std::string advice) const {
    return Failure(kind_, message_, std::move(advice), dbus_name_);
}

std::unexpected<Failure> failed(FailureKind kind, std::string message, std::string advice) {
    return std::unexpected<Failure>(Failure(kind, std::move(message), std::move(advice)));
}

Failure failure_from_error(std::string dbus_name, std::string message) {
    for (const auto& known : known_errors) {
        if (known.dbus_name == dbus_name) {
            return Failure(known.kind, std::move(message), std::string(known.advice),
                           std::move(dbus_name));
        }
    }
    if (dbus_name.starts_with(spawn_prefix)) {
        return Failure(no_daemon, std::move(message), std::string(see_journal),
                       std::move(dbus_name));
    }
    return Failure(general, std::move(message), std::string(see_what_doed_says),
                   std::move(dbus_name));
}

Failure failure_from_errno(int error, std::string_view what) {
    return Failure(general,
                   std::string(what) + ": " + std::system_category().message(std::abs(error)),
                   std::string(advice_of_errno(std::abs(error))));
}

Failure failure_of_file(int error, std::string_view what) {
    const auto plain = failure_from_errno(error, what);
    return Failure(kind_of_file_errno(std::abs(error)), plain.message(), plain.advice());
}

}  // namespace doed::client
