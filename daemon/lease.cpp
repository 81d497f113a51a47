// SPDX-License-Identifier: Apache-2.0
#include "daemon/lease.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace doed::daemon {

namespace asio = boost::asio;

base::Result<std::shared_ptr<Lease>> Lease::grant(const asio::any_io_executor& loop,
                                                  bus::PeerWatch& peers, std::string holder,
                                                  std::function<void()> ended) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        return base::fail(base::Errc::io, "pipe: " + std::generic_category().message(errno));
    }
    std::shared_ptr<Lease> lease(
        new Lease(loop, peers, std::move(holder), std::move(ended), ends[0], ends[1]));
    lease->watch_ = peers.watch(lease->holder_, [weak = std::weak_ptr(lease)] {
        if (const auto self = weak.lock()) {
            self->end();
        }
    });
    lease->watch();
    return lease;
}

Lease::Lease(const asio::any_io_executor& loop, bus::PeerWatch& peers, std::string holder,
             std::function<void()> ended, int our_end, int holders_end)
    : peers_(peers),
      holder_(std::move(holder)),
      ended_(std::move(ended)),
      our_end_(loop, our_end),
      holders_end_(holders_end) {}

Lease::~Lease() {
    peers_.forget(watch_);
}

void Lease::watch() {
    our_end_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [weak = weak_from_this()](const boost::system::error_code& error) {
                            const auto self = weak.lock();
                            if (error || !self) {
                                return;
                            }
                            char byte = 0;
                            if (::read(self->our_end_.native_handle(), &byte, sizeof(byte)) == 0) {
                                self->end();
                                return;
                            }
                            // Nothing is to be written here; whoever does so anyway keeps the lease.
                            self->watch();
                        });
}

void Lease::end() {
    if (auto ended = std::exchange(ended_, nullptr)) {
        ended();
    }
}

}  // namespace doed::daemon
