// SPDX-License-Identifier: Apache-2.0
//
// Asks the bus which user is behind a client, without waiting for the answer: what the library offers for that blocks the
// loop for a round trip. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "daemon/bus/compat.hpp"
#include "daemon/bus/pump.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace doed::bus {

class UserLookup {
public:
    /// `found` gets the uid, as the bus saw it when the client connected.
    using Found = std::move_only_function<void(base::Result<std::uint32_t>)>;

    UserLookup(sdbus::IConnection& connection, Pump& pump);
    UserLookup(const UserLookup&) = delete;
    UserLookup& operator=(const UserLookup&) = delete;
    ~UserLookup() = default;

    /// Calls `found` once, later or inside this call, unless the lookup is dropped before. Error: io, with what the bus said.
    void find(const std::string& unique_name, Found found);

private:
    Pump& pump_;
    std::unique_ptr<sdbus::IProxy> proxy_;
};

}  // namespace doed::bus
