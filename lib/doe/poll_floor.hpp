// SPDX-License-Identifier: Apache-2.0
//
// How often one mailbox may be looked at while it makes a response. There are devices that set Error, or never respond,
// when their status register is read too often or too soon. A failure to respond therefore makes the pauses eight times as
// long, until responses come again; every now and then shorter ones are tried, more and more seldom when they fail again.
// A device that fails at every pace fails for another reason: then the configured floor holds again. On the mailbox's
// strand.
#pragma once

#include "base/scheduler.hpp"

#include <cstdint>

namespace doed::doe {

class PollFloor {
public:
    /// `configured`: PollLimits::floor.
    explicit PollFloor(base::Duration configured) noexcept : configured_(configured) {}

    /// The shortest pause between two status reads, and from GO to the first one where raised().
    [[nodiscard]] base::Duration value() const noexcept;
    /// Above what is configured: the device fails otherwise, or is suspected to.
    [[nodiscard]] bool raised() const noexcept { return level_ > 0; }

    /// An exchange ended with Error, or without a response, after GO.
    void failed() noexcept;
    /// A response was seen by looking.
    void succeeded() noexcept;

private:
    base::Duration configured_;
    std::uint32_t level_ = 0;      ///< pauses are 8 to this power times the configured one
    std::uint32_t successes_ = 0;  ///< since the last failure or change
    std::uint32_t patience_ = patience_min;  ///< successes before a shorter pause is tried
    bool trying_ = false;                    ///< a shorter pause than before
    bool innocent_ = false;                  ///< looking is not what it fails from

    static constexpr std::uint32_t patience_min = 64;
};

}  // namespace doed::doe
