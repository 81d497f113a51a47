// SPDX-License-Identifier: Apache-2.0
//
// Interrupt Enable and Interrupt Status of a DOE instance, and the message it sends (PCIe r6.2 6.30.3). Belongs to the
// instance.
#pragma once

#include "emulator/faults/fault_injector.hpp"

#include <cstdint>
#include <functional>

namespace doed::emulator {

/// Sends an interrupt message; gets the Interrupt Message Number. Called inside an access.
using InterruptHook = std::function<void(std::uint16_t message)>;

class InterruptSource {
public:
    /// `message` has 11 bits; `faults` may be null, else it outlives this.
    InterruptSource(bool supported, std::uint16_t message, InterruptHook hook,
                    FaultInjector* faults);

    /// The Capabilities register.
    [[nodiscard]] std::uint32_t capabilities() const noexcept;
    [[nodiscard]] bool enabled() const noexcept { return enabled_; }
    [[nodiscard]] bool status() const noexcept { return status_; }

    /// A Control write whose Interrupt Enable bit is `enable`.
    void write_enable(bool enable, bool with_go);
    /// GO has been taken, and what came of it at once has happened.
    void after_go();
    /// Ready or Error has become set.
    void raise();
    /// 1 was written to Interrupt Status.
    void clear() noexcept { status_ = false; }
    /// As after a reset of the function.
    void reset() noexcept;

private:
    void send() const;
    [[nodiscard]] bool strikes(FaultKind kind) const;

    bool supported_;
    std::uint16_t message_;
    InterruptHook hook_;
    FaultInjector* faults_;
    bool enabled_ = false;
    bool status_ = false;
    bool enabled_too_late_ = false;  ///< for what comes of the last GO
};

}  // namespace doed::emulator
