// SPDX-License-Identifier: Apache-2.0
//
// Asks the bus something simple, to see whether answers arrive. An answer that does not come is not the same as one that is
// not fetched: the bus daemon may hang, which is nothing that this process could mend by ending. Bus loop only.
#pragma once

#include "daemon/bus/compat.hpp"
#include "daemon/bus/pump.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace doed::bus {

enum class Pong : std::uint8_t {
    answered,
    silent,  ///< the bus has sent nothing
    behind,  ///< it has sent much, which is being read: the answer is not among that yet
    unread,  ///< it has sent something, which nobody reads
};

class Ping {
public:
    using Heard = std::function<void(Pong)>;

    Ping(sdbus::IConnection& connection, Pump& pump);
    Ping(const Ping&) = delete;
    Ping& operator=(const Ping&) = delete;
    ~Ping() = default;

    /// Calls `heard` once, through the pump, within about `patience`; not at all when the pump does not run, or the object has
    /// been dropped. A connection that takes no call counts as a silent bus, inside this call: the pump reports that.
    void send(std::chrono::microseconds patience, Heard heard);

private:
    sdbus::IConnection& connection_;
    Pump& pump_;
    std::unique_ptr<sdbus::IProxy> proxy_;
};

}  // namespace doed::bus
