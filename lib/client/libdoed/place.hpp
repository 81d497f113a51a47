// SPDX-License-Identifier: Apache-2.0
//
// Where a bus is to be found, and how a connection to it is begun. Beginning does not wait: the connection gets ready as
// sd_bus_process() is called.
#pragma once

#include "client/libdoed/sd_bus_owners.hpp"

#include <cstdint>
#include <string>

namespace doed::client {

struct Place {
    enum class Kind : std::uint8_t { system, session, address, host };

    Kind kind = Kind::system;
    std::string text;  ///< the address, or "[USER@]HOST[:PORT]"

    /// "the system bus", "the bus at ADDRESS", "the system bus of HOST"
    [[nodiscard]] std::string description() const;
};

/// "system", "session" or something with a colon. -EINVAL for anything else.
[[nodiscard]] int parse_place(const std::string& where, Place& place);

/// 0 and a connection, or what sd-bus said.
[[nodiscard]] int begin_connection(const Place& place, BusPtr& bus);

}  // namespace doed::client
