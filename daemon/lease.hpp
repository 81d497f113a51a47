// SPDX-License-Identifier: Apache-2.0
//
// A mailbox lent to a program: it lasts until the holder closes its end of a pipe, or leaves the bus. The descriptor can
// be handed on, to the command that `doectl release` runs for one. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/bus/peer_watch.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <memory>
#include <string>

namespace doed::daemon {

class Lease : public std::enable_shared_from_this<Lease> {
public:
    /// `ended` is called once, on the loop. Error: io.
    [[nodiscard]] static base::Result<std::shared_ptr<Lease>> grant(
        const boost::asio::any_io_executor& loop, bus::PeerWatch& peers, std::string holder,
        std::function<void()> ended);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    /// The holder's end of the pipe; taken once, by the reply that carries it.
    [[nodiscard]] base::UniqueFd take_descriptor() noexcept { return std::move(holders_end_); }
    /// The unique bus name of the holder.
    [[nodiscard]] const std::string& holder() const noexcept { return holder_; }

private:
    Lease(const boost::asio::any_io_executor& loop, bus::PeerWatch& peers, std::string holder,
          std::function<void()> ended, int our_end, int holders_end);

    void watch();
    void end();

    bus::PeerWatch& peers_;
    std::string holder_;
    std::function<void()> ended_;
    boost::asio::posix::stream_descriptor our_end_;
    base::UniqueFd holders_end_;
    bus::PeerWatch::Id watch_ = 0;
};

}  // namespace doed::daemon
