// SPDX-License-Identifier: Apache-2.0
#include "io/eventfd_watch.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace doed::io {

namespace asio = boost::asio;

/// What the waits share; it lives as long as the last of them, on a strand.
struct EventfdWatch::State : std::enable_shared_from_this<State> {
    State(const asio::any_io_executor& executor, int eventfd, std::function<void()> handler)
        : strand(asio::make_strand(executor)),
          descriptor(strand, eventfd),
          rung(std::move(handler)) {}

    void wait() {
        descriptor.async_wait(
            asio::posix::stream_descriptor::wait_read,
            [self = shared_from_this()](const boost::system::error_code& error) {
                if (error || self->stopped) {
                    return;
                }
                std::uint64_t count = 0;
                if (::read(self->descriptor.native_handle(), &count, sizeof(count)) > 0) {
                    self->rung();
                }
                self->wait();
            });
    }

    asio::strand<asio::any_io_executor> strand;
    asio::posix::stream_descriptor descriptor;
    std::function<void()> rung;
    bool stopped = false;
};

base::Result<std::unique_ptr<EventfdWatch>> EventfdWatch::create(
    const asio::any_io_executor& executor, std::function<void()> rung) {
    const int eventfd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (eventfd < 0) {
        return base::fail(base::Errc::io, "eventfd: " + std::generic_category().message(errno));
    }
    auto state = std::make_shared<State>(executor, eventfd, std::move(rung));
    asio::dispatch(state->strand, [state] { state->wait(); });
    return std::unique_ptr<EventfdWatch>(new EventfdWatch(std::move(state), eventfd));
}

EventfdWatch::~EventfdWatch() {
    asio::post(state_->strand, [state = state_] {
        state->stopped = true;
        boost::system::error_code ignored;
        static_cast<void>(state->descriptor.close(ignored));
    });
}

}  // namespace doed::io
