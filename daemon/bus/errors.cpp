// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/errors.hpp"

#include <string>

namespace doed::bus {

std::string_view error_name(base::Errc code) noexcept {
    using base::Errc;
    switch (code) {
        case Errc::invalid_argument: return "org.freedesktop.DBus.Error.InvalidArgs";
        case Errc::not_found: return "org.freedesktop.DBus.Error.UnknownObject";
        case Errc::access_denied: return "org.freedesktop.DBus.Error.AccessDenied";
        case Errc::not_supported: return "org.doed1.Error.NotSupported";
        case Errc::not_allowed: return "org.doed1.Error.NotAllowed";
        case Errc::kernel_owned: return "org.doed1.Error.KernelOwned";
        case Errc::released: return "org.doed1.Error.Released";
        case Errc::busy: return "org.doed1.Error.Busy";
        case Errc::timeout: return "org.doed1.Error.Timeout";
        case Errc::aborted: return "org.doed1.Error.Aborted";
        case Errc::device_error: return "org.doed1.Error.DeviceError";
        case Errc::malformed: return "org.doed1.Error.Malformed";
        case Errc::dead: return "org.doed1.Error.Dead";
        case Errc::device_gone: return "org.doed1.Error.DeviceGone";
        case Errc::lockdown: return "org.doed1.Error.Lockdown";
        case Errc::limits_exceeded: return "org.doed1.Error.LimitsExceeded";
        case Errc::cancelled: return "org.doed1.Error.Cancelled";
        case Errc::deadline_exceeded: return "org.doed1.Error.DeadlineExceeded";
        case Errc::too_large: return "org.doed1.Error.TooLarge";
        case Errc::io: return "org.freedesktop.DBus.Error.IOError";
    }
    return "org.freedesktop.DBus.Error.Failed";
}

sdbus::Error to_bus_error(const base::Error& error) {
    return make_error(std::string(error_name(error.code())), error.message());
}

}  // namespace doed::bus
