// SPDX-License-Identifier: Apache-2.0
//
// doed's end of a D-Bus connection without a bus in between, on a thread of its own: answers each method as a test says,
// rightly or not.
#pragma once

#include "base/unique_fd.hpp"
#include "client/bus_connection.hpp"

#include <functional>
#include <map>
#include <string>
#include <thread>

namespace doed::client {

class PeerDaemon {
public:
    /// Answers the call with sd_bus_reply_*; what it returns is what sd-bus returned.
    using Handler = std::function<int(sd_bus_message* call)>;

    /// Calls of members without a handler are never answered.
    explicit PeerDaemon(std::map<std::string, Handler> handlers);
    PeerDaemon(const PeerDaemon&) = delete;
    PeerDaemon& operator=(const PeerDaemon&) = delete;
    ~PeerDaemon();

    /// The client's end; once.
    [[nodiscard]] BusPtr connect();

private:
    static int on_message(sd_bus_message* message, void* self, sd_bus_error* error);
    void serve();

    std::map<std::string, Handler> handlers_;
    base::UniqueFd client_end_;
    base::UniqueFd hang_up_;
    BusPtr bus_;
    std::thread thread_;
};

}  // namespace doed::client
