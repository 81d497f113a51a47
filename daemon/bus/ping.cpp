// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/ping.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include <poll.h>

namespace doed::bus {

namespace {

// A call without a time limit would wait for as long as the library thinks right.
constexpr std::chrono::microseconds shortest_wait{1000};

bool has_unread(const sdbus::IConnection& connection) {
    pollfd socket{.fd = poll_request(connection).fd, .events = POLLIN, .revents = 0};
    return ::poll(&socket, 1, 0) == 1 && (socket.revents & POLLIN) != 0;
}

}  // namespace

Ping::Ping(sdbus::IConnection& connection, Pump& pump)
    : connection_(connection),
      pump_(pump),
      proxy_(make_proxy(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus")) {}

void Ping::send(std::chrono::microseconds patience, Heard heard) {
    try {
        // The policy of a system bus lets everybody call it, as opposed to Ping of the interface Peer.
        proxy_->callMethodAsync("GetId")
            .onInterface("org.freedesktop.DBus")
            .withTimeout(std::max(patience, shortest_wait))
            .uponReplyInvoke(reply_handler<std::string>(
                [this, heard, before = pump_.handled()](const sdbus::Error* error, const auto&) {
                    // The library itself says so at the end of the patience, and then the pump has called it in time.
                    const bool expired = error != nullptr &&
                                         error->getName() == "org.freedesktop.DBus.Error.NoReply";
                    // Whoever floods the bus makes answers late: nothing that this process should end for.
                    heard(!expired                   ? Pong::answered
                          : !has_unread(connection_) ? Pong::silent
                          : pump_.handled() > before ? Pong::behind
                                                     : Pong::unread);
                }));
        pump_.kick();
    } catch (const std::exception&) {
        heard(Pong::silent);
    }
}

}  // namespace doed::bus
