// SPDX-License-Identifier: Apache-2.0
#include "doe/poll_floor.hpp"

#include <algorithm>

namespace doed::doe {

namespace {

constexpr int step = 8;
// A quarter of the second that the specification gives a device (PCIe r6.2 6.30.2): there is a look or two before it ends.
constexpr base::Duration value_max = std::chrono::milliseconds(250);
constexpr std::uint32_t patience_max = 4096;

// Responses by which a device proves that it stands a pace. A failure costs as many, so that one that fails more often than
// that does not go on for long; what came long ago does not count.
constexpr std::uint32_t proof = 64;
constexpr std::uint32_t responses_max = 4 * proof;

// Responses after which a shorter pause is no longer on trial. Fewer than the proof: else a device that fails once in a hundred
// exchanges, whatever the pace, would fail most of its trials.
constexpr std::uint32_t trial = 32;

// Failures in a row of a device that is thought to fail for another reason, before it is suspected again: what it failed
// from then may be over, and looking what it fails from now.
constexpr std::uint32_t doubt = 8;

base::Duration pause(base::Duration configured, std::uint32_t level) noexcept {
    for (std::uint32_t i = 0; i < level; ++i) {
        configured *= step;
    }
    return configured;
}

}  // namespace

base::Duration PollFloor::value() const noexcept {
    return pause(configured_, pace_.level);
}

void PollFloor::failed() noexcept {
    ++pace_.failures;
    if (innocent_) {
        pace_.responses = 0;
        if (pace_.failures == doubt) {
            innocent_ = false;
            raise();
        }
    } else if (pace_.failures == 1 && pace_.responses >= proof) {
        pace_.responses -= proof;
    } else if (before_) {
        give_up_trial();
    } else {
        raise();
    }
}

void PollFloor::succeeded() noexcept {
    pace_.failures = 0;
    pace_.responses = std::min(pace_.responses + 1, responses_max);
    if (pace_.responses >= proof) {
        innocent_ = false;
    }
    if (before_ && pace_.responses == trial) {
        before_.reset();
        patience_ = patience_min;
    }
    if (raised() && !before_ && ++responses_ >= patience_) {
        begin_trial();
    }
}

void PollFloor::raise() noexcept {
    innocent_ = pause(configured_, pace_.level + 1) > value_max;
    pace_ = {.level = innocent_ ? 0 : pace_.level + 1};
    responses_ = 0;
    patience_ = patience_min;
    in_steps_ = false;
}

void PollFloor::begin_trial() noexcept {
    responses_ = 0;
    before_ = pace_;
    pace_ = {.level = in_steps_ ? pace_.level - 1 : 0};
}

void PollFloor::give_up_trial() noexcept {
    pace_ = *before_;
    before_.reset();
    patience_ = std::min(patience_ * 2, patience_max);
    in_steps_ = true;
}

}  // namespace doed::doe
