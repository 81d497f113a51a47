// SPDX-License-Identifier: Apache-2.0
//
// Asks the bus who is behind a client, without waiting for the answer: what the library offers for that blocks the loop for a
// round trip, and guesses what the bus does not tell from a process id that may be somebody else's by then. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "daemon/bus/compat.hpp"
#include "daemon/bus/credentials.hpp"
#include "daemon/bus/pump.hpp"

#include <functional>
#include <memory>
#include <string>

namespace doed::bus {

class CredentialsLookup {
public:
    using Found = std::move_only_function<void(base::Result<Credentials>)>;

    CredentialsLookup(sdbus::IConnection& connection, Pump& pump);
    CredentialsLookup(const CredentialsLookup&) = delete;
    CredentialsLookup& operator=(const CredentialsLookup&) = delete;
    ~CredentialsLookup() = default;

    /// Calls `found` once, later or inside this call, unless the lookup is dropped before. Error: io, with what the bus said.
    void find(const std::string& unique_name, Found found);

private:
    Pump& pump_;
    std::unique_ptr<sdbus::IProxy> proxy_;
};

}  // namespace doed::bus
