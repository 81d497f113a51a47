// SPDX-License-Identifier: Apache-2.0
//
// Opens a message bus. Everything is bounded by one timeout, also a bus that accepts and then says nothing.
#pragma once

#include "client/bus_place.hpp"
#include "client/failure.hpp"

#include <systemd/sd-bus.h>

#include <chrono>
#include <memory>

namespace doed::client {

struct BusCloser {
    void operator()(sd_bus* bus) const noexcept { sd_bus_close_unref(bus); }
};
using BusPtr = std::unique_ptr<sd_bus, BusCloser>;

struct MessageReleaser {
    void operator()(sd_bus_message* message) const noexcept { sd_bus_message_unref(message); }
};
using MessagePtr = std::unique_ptr<sd_bus_message, MessageReleaser>;

/// The bus is ready for calls, each of which gets `timeout` too.
/// Failures: no_daemon when nothing listens there, access_denied, timed_out, usage for an address that is none.
[[nodiscard]] Outcome<BusPtr> open_bus(const BusPlace& place, std::chrono::microseconds timeout);

}  // namespace doed::client
