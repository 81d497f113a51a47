// SPDX-License-Identifier: Apache-2.0
#include "client/bus_place.hpp"

namespace doed::client {

Outcome<BusPlace> BusPlace::on_host(const std::string& host) {
    if (host.empty() || host.starts_with('-')) {
        return failed(FailureKind::usage, "--host takes [USER@]HOST, not '" + host + "'",
                      "see: doectl --help");
    }
    BusPlace place("system");
    place.host_ = host;
    return place;
}

std::string BusPlace::text() const {
    if (is_remote()) {
        return "the system bus of " + host_;
    }
    return where_ == "system" || where_ == "session" ? "the " + where_ + " bus"
                                                     : "the bus at " + where_;
}

Failure BusPlace::advise(const Failure& failure) const {
    if (failure.kind() == FailureKind::no_daemon && is_remote()) {
        return failure.advised("see whether it runs with: systemctl -H " + host_ + " status doed");
    }
    if (failure.kind() == FailureKind::no_daemon && where_ != "system") {
        // systemctl starts a doed on the system bus only.
        return failure.advised("is doed running on " + text() + "? Name another bus with --bus");
    }
    if (failure.kind() == FailureKind::access_denied && is_remote()) {
        return failure.advised("name a user of " + host_ +
                               " who is in the group doe there, or root: --host USER@HOST");
    }
    return failure;
}

Failure BusPlace::no_descriptors(const std::string& what, const std::string& command) const {
    return Failure(FailureKind::general,
                   "cannot " + what + " over ssh: that takes a file descriptor, which stays there",
                   "run it on that host: ssh " + host_ + " doectl " + command);
}

}  // namespace doed::client
