// SPDX-License-Identifier: Apache-2.0
//
// Tells when a client leaves the bus. Unique names are never used twice in a bus's life. Bus loop only.
#pragma once

#include "daemon/bus/compat.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace doed::bus {

class PeerWatch {
public:
    using Id = std::uint64_t;

    /// Listens from here on; a round trip to the bus daemon.
    explicit PeerWatch(sdbus::IConnection& connection);
    PeerWatch(const PeerWatch&) = delete;
    PeerWatch& operator=(const PeerWatch&) = delete;
    ~PeerWatch();

    /// Calls `left` once when the client with this unique name leaves.
    Id watch(const std::string& unique_name, std::function<void()> left);
    /// Unknown ids are ignored.
    void forget(Id id);

private:
    struct Watched {
        std::string name;
        std::function<void()> left;
    };

    void gone(const std::string& name) noexcept;

    std::map<Id, Watched> watched_;
    Id next_ = 1;
    sdbus::Slot slot_;
};

}  // namespace doed::bus
