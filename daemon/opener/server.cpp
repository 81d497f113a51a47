// SPDX-License-Identifier: Apache-2.0
#include "daemon/opener/server.hpp"

#include "daemon/opener/packet_socket.hpp"

#include <system_error>
#include <thread>
#include <utility>

namespace doed::daemon::opener {

namespace {

// A reply that cannot be sent has nobody who waits for it: run() notices the same.
void reply_to(const base::UniqueFd& socket, const Request& request, const Reply& reply,
              const base::UniqueFd& file = base::UniqueFd()) {
    static_cast<void>(send_packet(socket, encode(reply, request.command), file));
}

}  // namespace

Server::Server(base::UniqueFd socket, pci::Opener& opener)
    : socket_(std::move(socket)), opener_(opener) {}

Server::~Server() {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return open_requests_ == 0; });
}

std::string Server::run() {
    for (;;) {
        const auto packet = receive_packet(socket_, request_size_bytes);
        if (!packet) {
            return packet.error().context();
        }
        if (packet->bytes.empty() && packet->files == 0) {
            return {};
        }
        if (packet->truncated || packet->files != 0) {
            return "a request has 16 bytes and no descriptor";
        }
        const auto request = parse_request(packet->bytes);
        if (!request) {
            return request.error().context();
        }
        begin(*request);
    }
}

void Server::begin(const Request& request) {
    Reply refusal{.id = request.id, .error = base::Error(base::Errc::busy, "too many requests")};
    {
        const std::scoped_lock lock(mutex_);
        if (open_requests_ == requests_max) {
            reply_to(socket_, request, refusal);
            return;
        }
        ++open_requests_;
    }
    try {
        std::thread([this, request] {
            answer(request);
            // Under the lock to the end: who waits for the last one may destroy this object then.
            const std::scoped_lock lock(mutex_);
            --open_requests_;
            answered_.notify_all();
        }).detach();
    } catch (const std::system_error&) {
        reply_to(socket_, request, refusal);
        const std::scoped_lock lock(mutex_);
        --open_requests_;
    }
}

void Server::answer(const Request& request) {
    Reply reply{.id = request.id};
    base::UniqueFd file;
    if (request.command == Command::find) {
        auto found = opener_.find(request.address);
        if (found) {
            reply.found = std::move(*found);
        } else {
            reply.error = found.error();
        }
    } else {
        auto opened = opener_.open(request.address, request.file);
        if (opened) {
            file = std::move(*opened);
        } else {
            reply.error = opened.error();
        }
    }
    reply_to(socket_, request, reply, file);
}

}  // namespace doed::daemon::opener
