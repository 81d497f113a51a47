// SPDX-License-Identifier: Apache-2.0
#include "peer_daemon.hpp"

#include "base/assert.hpp"

#include <cstdint>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

namespace doed::client {

namespace {

BusPtr start_on(int fd, bool server) {
    sd_bus* raw = nullptr;
    DOED_ASSERT(sd_bus_new(&raw) >= 0);
    BusPtr bus(raw);
    DOED_ASSERT(sd_bus_set_fd(raw, fd, fd) >= 0);
    if (server) {
        sd_id128_t id;
        DOED_ASSERT(sd_id128_randomize(&id) >= 0);
        DOED_ASSERT(sd_bus_set_server(raw, 1, id) >= 0);
    }
    DOED_ASSERT(sd_bus_start(raw) >= 0);
    return bus;
}

}  // namespace

PeerDaemon::PeerDaemon(std::map<std::string, Handler> handlers) : handlers_(std::move(handlers)) {
    int ends[2];
    DOED_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    client_end_.reset(ends[0]);
    hang_up_.reset(::fcntl(ends[1], F_DUPFD_CLOEXEC, 0));
    bus_ = start_on(ends[1], true);
    DOED_ASSERT(sd_bus_add_filter(bus_.get(), nullptr, &PeerDaemon::on_message, this) >= 0);
    thread_ = std::thread([this] { serve(); });
}

PeerDaemon::~PeerDaemon() {
    ::shutdown(hang_up_.get(), SHUT_RDWR);
    thread_.join();
}

BusPtr PeerDaemon::connect() {
    return start_on(client_end_.release(), false);
}

int PeerDaemon::on_message(sd_bus_message* message, void* self, sd_bus_error*) {
    const char* member = sd_bus_message_get_member(message);
    const auto& handlers = static_cast<PeerDaemon*>(self)->handlers_;
    const auto found = member != nullptr ? handlers.find(member) : handlers.end();
    if (found != handlers.end()) {
        DOED_ASSERT(found->second(message) >= 0);
    }
    return 1;
}

void PeerDaemon::serve() {
    int result = 0;
    while (result >= 0) {
        result = sd_bus_process(bus_.get(), nullptr);
        if (result == 0) {
            result = sd_bus_wait(bus_.get(), UINT64_MAX);
        }
    }
}

}  // namespace doed::client
