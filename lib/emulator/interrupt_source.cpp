// SPDX-License-Identifier: Apache-2.0
#include "emulator/interrupt_source.hpp"

#include "base/assert.hpp"
#include "doe/registers.hpp"

#include <utility>

namespace doed::emulator {

namespace {

constexpr std::uint16_t max_interrupt_message = 0x7FF;
constexpr std::uint32_t interrupt_message_shift = 1;

}  // namespace

InterruptSource::InterruptSource(bool supported, std::uint16_t message, InterruptHook hook,
                                 FaultInjector* faults)
    : supported_(supported), message_(message), hook_(std::move(hook)), faults_(faults) {
    DOED_ASSERT(message_ <= max_interrupt_message);
}

std::uint32_t InterruptSource::capabilities() const noexcept {
    return supported_ ? doe::capabilities_interrupt_support | std::uint32_t{message_}
                                                                  << interrupt_message_shift
                      : 0;
}

void InterruptSource::write_enable(bool enable, bool with_go) {
    enable = enable && supported_;
    enabled_too_late_ =
        with_go && enable && !enabled_ && strikes(FaultKind::go_before_interrupt_enable);
    enabled_ = enable;
}

void InterruptSource::after_go() {
    if (enabled_ && !status_ && strikes(FaultKind::interrupt_spurious)) {
        send();
    }
}

void InterruptSource::raise() {
    if (!supported_ || std::exchange(status_, true) || !enabled_ ||
        std::exchange(enabled_too_late_, false) || strikes(FaultKind::interrupt_lost)) {
        return;
    }
    send();
    if (strikes(FaultKind::interrupt_duplicated)) {
        send();
    }
}

void InterruptSource::reset() noexcept {
    enabled_ = false;
    status_ = false;
    enabled_too_late_ = false;
}

void InterruptSource::send() const {
    if (hook_) {
        hook_(message_);
    }
}

bool InterruptSource::strikes(FaultKind kind) const {
    return faults_ != nullptr && faults_->strike(kind);
}

}  // namespace doed::emulator
