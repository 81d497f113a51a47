// SPDX-License-Identifier: Apache-2.0
#include "daemon/opener/client.hpp"

#include "daemon/opener/packet_socket.hpp"

#include <utility>

#include <sys/socket.h>

namespace doed::daemon::opener {

namespace {

base::Error opener_gone() {
    return base::Error(base::Errc::io, "doed-opener has ended");
}

}  // namespace

Client::Client(base::UniqueFd socket, std::chrono::milliseconds patience)
    : socket_(std::move(socket)), patience_(patience), receiver_([this] { receive(); }) {}

Client::~Client() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    receiver_.join();
}

void Client::on_lost(std::function<void()> lost) {
    {
        const std::scoped_lock lock(mutex_);
        if (!gone_) {
            lost_ = std::move(lost);
            return;
        }
    }
    lost();
}

base::Result<pci::FoundMailboxes> Client::find(const pci::Address& address) {
    auto answer = ask({.command = Command::find, .address = address});
    if (!answer) {
        return std::unexpected(answer.error());
    }
    return std::move(answer->reply.found);
}

base::Result<base::UniqueFd> Client::open(const pci::Address& address, pci::RootFile file) {
    auto answer = ask({.command = Command::open, .file = file, .address = address});
    if (!answer) {
        return std::unexpected(answer.error());
    }
    return std::move(answer->file);
}

base::Result<Client::Answer> Client::ask(Request request) {
    std::future<base::Result<Answer>> future;
    {
        const std::scoped_lock lock(mutex_);
        if (gone_) {
            return std::unexpected(opener_gone());
        }
        request.id = next_id_++;
        auto& waiting = waiting_[request.id];
        waiting.command = request.command;
        future = waiting.promise.get_future();
    }
    if (!send_packet(socket_, encode(request))) {
        ::shutdown(socket_.get(), SHUT_RDWR);  // the receiver ends it for all
    }
    if (future.wait_for(patience_) != std::future_status::ready) {
        const std::scoped_lock lock(mutex_);
        // An answer that has come in this moment counts.
        if (waiting_.erase(request.id) != 0) {
            return base::fail(base::Errc::timeout, "doed-opener has not answered in time");
        }
    }
    auto answer = future.get();
    if (answer && answer->reply.error) {
        return std::unexpected(*answer->reply.error);
    }
    return answer;
}

void Client::receive() {
    while (receive_one()) {
    }
    lose();
}

/// False when the connection has ended, or is of no use.
bool Client::receive_one() {
    auto packet = receive_packet(socket_, reply_size_max_bytes);
    if (!packet || packet->bytes.empty() || packet->truncated) {
        return false;
    }
    const auto id = parse_reply_id(packet->bytes);
    if (!id) {
        return false;
    }
    decltype(waiting_)::node_type node;
    {
        const std::scoped_lock lock(mutex_);
        node = waiting_.extract(*id);
    }
    if (node.empty()) {
        return true;  // nobody waits any more; what came with it is closed
    }
    Waiting& waiting = node.mapped();
    auto reply = parse_reply(packet->bytes, waiting.command);
    const std::size_t files = waiting.command == Command::open && reply && !reply->error ? 1 : 0;
    if (!reply || packet->files != files) {
        waiting.promise.set_value(
            base::fail(base::Errc::io, "doed-opener says what cannot be understood"));
        return false;
    }
    waiting.promise.set_value(Answer{std::move(*reply), std::move(packet->file)});
    return true;
}

void Client::lose() {
    decltype(waiting_) waiting;
    std::function<void()> lost;
    {
        const std::scoped_lock lock(mutex_);
        gone_ = true;
        waiting.swap(waiting_);
        lost = std::exchange(lost_, nullptr);
    }
    for (auto& [id, one] : waiting) {
        one.promise.set_value(std::unexpected(opener_gone()));
    }
    if (lost) {
        lost();
    }
}

}  // namespace doed::daemon::opener
