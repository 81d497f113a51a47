// SPDX-License-Identifier: Apache-2.0
//
// Who asks: the user behind each client, how much each may have under way, and the end of what a client has asked for when it
// leaves the bus. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "daemon/bus/credentials.hpp"
#include "daemon/bus/peer_watch.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace doed::bus {

/// Requests that are under way: admitted and not answered yet.
struct RequestLimits {
    std::uint32_t per_client = 16;  ///< of one connection to the bus
    std::uint32_t per_user = 32;    ///< of all connections of one user
    std::uint32_t in_all = 512;
};

/// Whether a request counts towards the limits above. What takes no device does not: a client may have as many of them under
/// way as a system bus lets it wait for.
enum class Charge : std::uint8_t { none, user };

class ClientLedger;

/// One request. It counts against the limits as long as it lives.
class Request : public std::enable_shared_from_this<Request> {
public:
    Request(std::shared_ptr<ClientLedger> ledger, std::string client, Charge charge);
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    ~Request();

    [[nodiscard]] const std::string& client() const noexcept { return client_; }
    [[nodiscard]] const Credentials& credentials() const noexcept { return credentials_; }
    [[nodiscard]] std::uint32_t uid() const noexcept { return credentials_.uid; }
    /// `withdraw` takes the place of what was given before. It is called once, when the client leaves the bus.
    void on_withdrawn(std::function<void()> withdraw) { withdraw_ = std::move(withdraw); }

private:
    friend class ClientLedger;

    std::shared_ptr<ClientLedger> ledger_;
    std::string client_;
    Charge charge_;
    Credentials credentials_;
    bool identified_ = false;
    bool charged_ = false;  ///< counted for its user, either way
    std::function<void()> withdraw_;
};
using RequestPtr = std::shared_ptr<Request>;

class Clients {
public:
    /// Finds who is behind a unique name; completes once, inside the call or later.
    using Identify = std::function<void(const std::string& client,
                                        std::move_only_function<void(base::Result<Credentials>)>)>;
    using Admitted = std::move_only_function<void(base::Result<RequestPtr>)>;

    /// `peers` outlives the object.
    Clients(PeerWatch& peers, Identify identify, const RequestLimits& limits);
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;
    ~Clients();

    /// Called inside a handler of `client`'s call. `admitted` gets the request, inside this call when the client has asked
    /// for something before. Errors: limits_exceeded, at once where no user has to be found; cancelled when the client has
    /// left; those of Identify. Not called when the object is dropped.
    void admit(const std::string& client, Charge charge, Admitted admitted);

private:
    std::shared_ptr<ClientLedger> ledger_;
};

}  // namespace doed::bus
