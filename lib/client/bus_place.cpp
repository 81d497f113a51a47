// SPDX-License-Identifier: Apache-2.0
#include "client/bus_place.hpp"

#include <cctype>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace doed::client {

namespace {

/// As the D-Bus specification escapes values of addresses.
std::string escaped(const std::string& text) {
    constexpr std::string_view unescaped = "-_/.\\*";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80 && (std::isalnum(byte) != 0 || unescaped.contains(c))) {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "%{:02x}", byte);
        }
    }
    return out;
}

}  // namespace

Outcome<BusPlace> BusPlace::on_host(const std::string& host) {
    if (host.empty() || host.starts_with('-')) {
        return failed(FailureKind::usage, "--host takes [USER@]HOST, not '" + host + "'",
                      "see: doectl --help");
    }
    BusPlace place("unixexec:path=ssh,argv1=-xT,argv2=--,argv3=" + escaped(host) +
                   ",argv4=systemd-stdio-bridge");
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
