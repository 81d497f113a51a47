// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/clients.hpp"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace doed::bus {

namespace {
// The bus tells the user of a connection in the order in which it is asked. One call of each new client is taken in any case: a
// user with many connections keeps nobody out.
constexpr std::uint32_t max_unidentified = 4096;
// Of one client, that take no device: what dbus-daemon allows in replies that a connection waits for.
constexpr std::uint32_t max_uncharged = 128;
// Of all clients of a user.
constexpr std::uint32_t max_uncharged_of_user = 1024;
}  // namespace

/// The books. Requests keep them, so that they can be struck out whatever ends first.
class ClientLedger : public std::enable_shared_from_this<ClientLedger> {
public:
    ClientLedger(PeerWatch& peers, Clients::Identify identify, const RequestLimits& limits)
        : peers_(peers), identify_(std::move(identify)), limits_(limits) {}

    void admit(const std::string& name, Charge charge, Clients::Admitted admitted);
    void strike_out(Request& request) noexcept;
    /// Forgets every client; what waits for its user is dropped.
    void close();

private:
    struct Waiting {
        RequestPtr request;
        Clients::Admitted admitted;
    };
    struct Client {
        std::optional<Credentials> credentials;
        std::set<Request*> under_way;
        std::map<Charge, std::uint32_t> counts;  ///< of these
        std::vector<Waiting> waiting;            ///< for the credentials
        PeerWatch::Id watch = 0;
    };

    [[nodiscard]] Client& known(const std::string& name);
    [[nodiscard]] base::Result<RequestPtr> open(const std::string& name, Client& client,
                                                Charge charge);
    [[nodiscard]] base::Result<RequestPtr> identify(RequestPtr request, const Credentials& who);
    [[nodiscard]] base::Result<void> charge(Request& request);
    void identified(const std::string& name, const base::Result<Credentials>& who);
    void left(const std::string& name);

    PeerWatch& peers_;
    Clients::Identify identify_;
    RequestLimits limits_;
    std::map<std::string, Client> clients_;  ///< by unique name, which is never used again
    /// Requests under way, charged or not; none is 0.
    std::map<std::pair<Charge, std::uint32_t>, std::uint32_t> users_;
    std::uint32_t in_all_ = 0;
    std::uint32_t unidentified_ = 0;  ///< requests that no user is charged with yet
};

void ClientLedger::admit(const std::string& name, Charge charge, Clients::Admitted admitted) {
    Client& client = known(name);
    auto request = open(name, client, charge);
    if (!request) {
        admitted(std::move(request));
        return;
    }
    if (client.credentials) {
        admitted(identify(std::move(*request), *client.credentials));
        return;
    }
    client.waiting.push_back({std::move(*request), std::move(admitted)});
    if (client.waiting.size() == 1) {
        identify_(name, [weak = weak_from_this(), name](const base::Result<Credentials>& who) {
            if (const auto self = weak.lock()) {
                self->identified(name, who);
            }
        });
    }
}

/// Watched from its first call on: the bus tells of a client's leaving after it has handed on the client's calls.
ClientLedger::Client& ClientLedger::known(const std::string& name) {
    const auto [entry, is_new] = clients_.try_emplace(name);
    if (is_new) {
        entry->second.watch = peers_.watch(name, [weak = weak_from_this(), name] {
            if (const auto self = weak.lock()) {
                self->left(name);
            }
        });
    }
    return entry->second;
}

base::Result<RequestPtr> ClientLedger::open(const std::string& name, Client& client,
                                            Charge charge) {
    const std::uint32_t limit = charge == Charge::user ? limits_.per_client : max_uncharged;
    if (client.counts[charge] >= limit) {
        return base::fail(base::Errc::limits_exceeded,
                          "this client has " + std::to_string(limit) + " under way");
    }
    if (!client.credentials && unidentified_ >= max_unidentified && !client.under_way.empty()) {
        return base::fail(base::Errc::limits_exceeded,
                          std::to_string(max_unidentified) + " of new clients wait for the bus");
    }
    auto request = std::make_shared<Request>(shared_from_this(), name, charge);
    ++client.counts[charge];
    client.under_way.insert(request.get());
    ++unidentified_;
    return request;
}

base::Result<RequestPtr> ClientLedger::identify(RequestPtr request, const Credentials& who) {
    --unidentified_;
    request->identified_ = true;
    request->credentials_ = who;
    if (const auto charged = charge(*request); !charged) {
        return std::unexpected(charged.error());
    }
    return request;
}

base::Result<void> ClientLedger::charge(Request& request) {
    const std::pair key(request.charge_, request.uid());
    const bool counts_in_all = request.charge_ == Charge::user;
    const std::uint32_t limit = counts_in_all ? limits_.per_user : max_uncharged_of_user;
    if (const auto user = users_.find(key); user != users_.end() && user->second >= limit) {
        return base::fail(base::Errc::limits_exceeded, "user " + std::to_string(request.uid()) +
                                                           " has " + std::to_string(limit) +
                                                           " under way");
    }
    if (counts_in_all && in_all_ >= limits_.in_all) {
        return base::fail(base::Errc::limits_exceeded,
                          std::to_string(limits_.in_all) + " of all clients are under way");
    }
    ++users_[key];
    in_all_ += counts_in_all ? 1 : 0;
    request.charged_ = true;
    return {};
}

void ClientLedger::strike_out(Request& request) noexcept {
    if (const auto client = clients_.find(request.client_); client != clients_.end()) {
        client->second.under_way.erase(&request);
        --client->second.counts[request.charge_];
    }
    if (!request.identified_) {
        --unidentified_;
    }
    if (!request.charged_) {
        return;
    }
    in_all_ -= request.charge_ == Charge::user ? 1 : 0;
    if (const auto user = users_.find({request.charge_, request.uid()}); --user->second == 0) {
        users_.erase(user);
    }
}

void ClientLedger::identified(const std::string& name, const base::Result<Credentials>& who) {
    const auto client = clients_.find(name);
    if (client == clients_.end()) {
        return;  // it has left, and was answered then
    }
    if (who) {
        client->second.credentials = *who;
    }
    for (auto& [request, admitted] : std::exchange(client->second.waiting, {})) {
        admitted(who ? identify(std::move(request), *who) : std::unexpected(who.error()));
    }
}

void ClientLedger::left(const std::string& name) {
    auto node = clients_.extract(name);
    if (node.empty()) {
        return;
    }
    Client& client = node.mapped();
    for (auto& [request, admitted] : std::exchange(client.waiting, {})) {
        client.under_way.erase(request.get());
        admitted(base::fail(base::Errc::cancelled, "the client has left the bus"));
    }
    // Each may end others with it.
    std::vector<std::weak_ptr<Request>> withdrawn;
    withdrawn.reserve(client.under_way.size());
    for (Request* const request : client.under_way) {
        withdrawn.push_back(request->weak_from_this());
    }
    for (const auto& weak : withdrawn) {
        if (const auto request = weak.lock(); request && request->withdraw_) {
            std::exchange(request->withdraw_, nullptr)();
        }
    }
}

void ClientLedger::close() {
    for (auto& [name, client] : std::exchange(clients_, {})) {
        peers_.forget(client.watch);
    }
}

Request::Request(std::shared_ptr<ClientLedger> ledger, std::string client, Charge charge)
    : ledger_(std::move(ledger)), client_(std::move(client)), charge_(charge) {}

Request::~Request() {
    ledger_->strike_out(*this);
}

Clients::Clients(PeerWatch& peers, Identify identify, const RequestLimits& limits)
    : ledger_(std::make_shared<ClientLedger>(peers, std::move(identify), limits)) {}

Clients::~Clients() {
    ledger_->close();
}

void Clients::admit(const std::string& client, Charge charge, Admitted admitted) {
    ledger_->admit(client, charge, std::move(admitted));
}

}  // namespace doed::bus
