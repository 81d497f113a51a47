// SPDX-License-Identifier: Apache-2.0
//
// An eventfd that the kernel rings, and who is told of it.
#pragma once

#include "base/result.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>

namespace doed::io {

class EventfdWatch {
public:
    /// Creates and watches an eventfd. `rung` is called on the executor, never twice at once; rings that come while it
    /// runs or waits to run are one. Error: io.
    [[nodiscard]] static base::Result<std::unique_ptr<EventfdWatch>> create(
        const boost::asio::any_io_executor& executor, std::function<void()> rung);
    EventfdWatch(const EventfdWatch&) = delete;
    EventfdWatch& operator=(const EventfdWatch&) = delete;
    /// Closes the eventfd. `rung` may still run once, on another thread, while this returns; not after that.
    ~EventfdWatch();

    [[nodiscard]] int eventfd() const noexcept { return eventfd_; }

private:
    struct State;

    EventfdWatch(std::shared_ptr<State> state, int eventfd)
        : state_(std::move(state)), eventfd_(eventfd) {}

    std::shared_ptr<State> state_;
    int eventfd_;
};

}  // namespace doed::io
