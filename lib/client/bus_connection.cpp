// SPDX-License-Identifier: Apache-2.0
#include "client/bus_connection.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace doed::client {

namespace {

using Clock = std::chrono::steady_clock;

int start(sd_bus*& bus, const BusPlace& place) {
    const auto& where = place.where();
    if (where == "system") {
        return sd_bus_open_system(&bus);
    }
    if (where == "session") {
        return sd_bus_open_user(&bus);
    }
    if (!where.contains(':')) {
        return -EINVAL;
    }
    if (const int error = sd_bus_new(&bus); error < 0) {
        return error;
    }
    if (const int error = sd_bus_set_address(bus, where.c_str()); error < 0) {
        return error;
    }
    if (const int error = sd_bus_set_bus_client(bus, 1); error < 0) {
        return error;
    }
    if (place.is_remote()) {
        // The program in between would lose what is sent along.
        if (const int error = sd_bus_negotiate_fds(bus, 0); error < 0) {
            return error;
        }
    }
    return sd_bus_start(bus);
}

/// Authentication and Hello run inside sd_bus_process.
int await_ready(sd_bus* bus, std::chrono::microseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    while (sd_bus_is_ready(bus) == 0) {
        const int progress = sd_bus_process(bus, nullptr);
        if (progress < 0) {
            return progress;
        }
        if (progress > 0) {
            continue;
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now());
        if (left.count() <= 0) {
            return -ETIMEDOUT;
        }
        if (const int error = sd_bus_wait(bus, static_cast<std::uint64_t>(left.count()));
            error < 0) {
            return error;
        }
    }
    return 0;
}

Failure connect_failure(int error, const BusPlace& place) {
    const std::string what =
        "cannot connect to " + place.text() + ": " + std::system_category().message(-error);
    switch (-error) {
        case EINVAL:
            return Failure(FailureKind::usage, what,
                           "--bus takes system, session or a D-Bus address");
        case EACCES:
        case EPERM: return Failure(FailureKind::access_denied, what, "use sudo");
        case ENOMEDIUM:
            return Failure(FailureKind::no_daemon,
                           "there is no session bus: DBUS_SESSION_BUS_ADDRESS is not set",
                           "name another bus with --bus");
        case ETIMEDOUT:
            return Failure(FailureKind::timed_out, what, "allow more time with --timeout");
        default:
            return Failure(FailureKind::no_daemon, what,
                           place.is_remote()
                               ? "see whether ssh comes there, and systemd-stdio-bridge is there"
                               : "start the bus, or name another one with --bus");
    }
}

}  // namespace

Outcome<BusPtr> open_bus(const BusPlace& place, std::chrono::microseconds timeout) {
    sd_bus* raw = nullptr;
    int error = start(raw, place);
    BusPtr bus(raw);
    if (error >= 0) {
        error = await_ready(bus.get(), timeout);
    }
    if (error >= 0) {
        error =
            sd_bus_set_method_call_timeout(bus.get(), static_cast<std::uint64_t>(timeout.count()));
    }
    if (error < 0) {
        return std::unexpected(connect_failure(error, place));
    }
    return bus;
}

}  // namespace doed::client
