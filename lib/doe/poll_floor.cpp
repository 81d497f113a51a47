// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_floor.hpp"

#include <algorithm>
#include <utility>

namespace doed::doe {

namespace {

constexpr int step = 8;
// A quarter of the second that the specification gives a device (PCIe r6.2 6.30.2): there is a look or two before it ends.
constexpr base::Duration value_max = std::chrono::milliseconds(250);
constexpr std::uint32_t patience_max = 4096;

base::Duration pause(base::Duration configured, std::uint32_t level) noexcept {
    for (std::uint32_t i = 0; i < level; ++i) {
        configured *= step;
    }
    return configured;
}

}  // namespace

base::Duration PollFloor::value() const noexcept {
    return pause(configured_, level_);
}

void PollFloor::failed() noexcept {
    successes_ = 0;
    if (innocent_) {
        return;
    }
    if (std::exchange(trying_, false)) {
        ++level_;
        patience_ = std::min(patience_ * 2, patience_max);
        return;
    }
    if (pause(configured_, level_ + 1) > value_max) {
        level_ = 0;
        innocent_ = true;
        return;
    }
    ++level_;
}

void PollFloor::succeeded() noexcept {
    if (++successes_ < patience_) {
        return;
    }
    successes_ = 0;
    innocent_ = false;
    trying_ = level_ > 0;
    if (level_ > 0) {
        --level_;
    } else {
        patience_ = patience_min;
    }
}

}  // namespace doed::doe
