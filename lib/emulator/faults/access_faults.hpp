// SPDX-License-Identifier: Apache-2.0
//
// What the fault scripts of a device's mailboxes do to accesses: a function that is gone for a time, slow accesses,
// accesses that the operating system refuses. Belongs to the device.
#pragma once

#include "base/result.hpp"
#include "emulator/environment.hpp"
#include "emulator/faults/fault_injector.hpp"

#include <functional>
#include <optional>

namespace doed::emulator {

class AccessFaults {
public:
    /// `on_return` is called when the function that was gone is there again, inside settle().
    AccessFaults(Environment environment, std::function<void()> on_return);

    /// Comes before an access to a register of the mailbox with these faults, and takes the time it takes. Errors: io, then
    /// there is no access.
    [[nodiscard]] base::Result<void> before_access(FaultInjector& mailbox);

    /// Lets the function return when it is time. before_access() does so first.
    void settle();
    /// Whether the function is gone: reads yield all ones, writes are lost.
    [[nodiscard]] bool gone() const noexcept { return gone_until_.has_value(); }
    /// When it returns; nothing when it is there, or gone for ever.
    [[nodiscard]] std::optional<base::TimePoint> returns_at() const noexcept;

private:
    Environment environment_;
    std::function<void()> on_return_;
    std::optional<base::TimePoint> gone_until_;
};

}  // namespace doed::emulator
