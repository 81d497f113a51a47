// SPDX-License-Identifier: Apache-2.0
//
// Sending signals from outside of a D-Bus handler.
#pragma once

#include "daemon/bus/pump.hpp"

#include <exception>

namespace doed::bus {

/// Calls `send` and has the pump see what it queued. A signal that cannot be sent is lost: the
/// connection is going, which the pump reports.
template <typename Send>
void emit(Pump& pump, Send send) noexcept {
    try {
        send();
        pump.kick();
    } catch (const std::exception&) {
        return;
    }
}

}  // namespace doed::bus
