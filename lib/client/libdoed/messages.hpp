// SPDX-License-Identifier: Apache-2.0
//
// Calls as D-Bus messages, and their answers: dbus/*.xml from the client's side.
#pragma once

#include "client/libdoed/call.hpp"

#include <systemd/sd-bus.h>

namespace doed::client {

/// Whether the answer carries a descriptor.
[[nodiscard]] bool needs_descriptors(Operation operation) noexcept;
/// Whether doed is told the deadline, and may therefore answer a little after it.
[[nodiscard]] bool has_options(Operation operation) noexcept;

/// Negative errno value of sd-bus. `now_usec` for what is left until the deadline.
[[nodiscard]] int make_message(sd_bus* bus, const doed_call& call, std::uint64_t now_usec,
                               sd_bus_message** ret);

/// Fills the call's reply from an answer or an error that doed or the bus sent.
void read_answer(doed_call& call, sd_bus_message* answer);

}  // namespace doed::client
