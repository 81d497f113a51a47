// SPDX-License-Identifier: Apache-2.0
#include "emulator/faults/access_faults.hpp"

#include <utility>

namespace doed::emulator {

namespace {

constexpr base::TimePoint never = base::TimePoint::max();

}  // namespace

AccessFaults::AccessFaults(Environment environment, std::function<void()> on_return)
    : environment_(std::move(environment)), on_return_(std::move(on_return)) {}

base::Result<void> AccessFaults::before_access(FaultInjector& mailbox) {
    mailbox.begin_access();
    if (const auto slow = mailbox.strike(FaultKind::slow_access)) {
        environment_.pause(*slow->time);
    }
    settle();
    if (mailbox.strike(FaultKind::access_fails)) {
        return base::fail(base::Errc::io, "refused by the fault script");
    }
    if (!gone()) {
        if (const auto removal = mailbox.strike(FaultKind::all_ones)) {
            gone_until_ = removal->time ? environment_.now() + *removal->time : never;
        }
    }
    return {};
}

void AccessFaults::settle() {
    if (gone_until_ && environment_.now() >= *gone_until_) {
        gone_until_.reset();
        on_return_();
    }
}

std::optional<base::TimePoint> AccessFaults::returns_at() const noexcept {
    return gone_until_ == never ? std::nullopt : gone_until_;
}

}  // namespace doed::emulator
