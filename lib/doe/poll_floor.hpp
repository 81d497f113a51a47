// SPDX-License-Identifier: Apache-2.0
//
// How often one mailbox may be looked at while it makes a response. There are devices that set Error, or never respond,
// when their status register is read too often or too soon. A failure to respond therefore makes the pauses eight times as
// long, unless the device has proved that it stands this pace, by 64 responses: then two in a row are needed. When responses
// come again, shorter pauses are tried: first the configured one, after that one step down at a time, and the longer before
// each the more trials have failed. A device that fails at every pace fails for another reason: then the configured floor
// holds again (docs/decisions/0028-polling.md). On the mailbox's strand.
#pragma once

#include "base/scheduler.hpp"

#include <cstdint>
#include <optional>

namespace doed::doe {

class PollFloor {
public:
    /// `configured`: PollLimits::floor.
    explicit PollFloor(base::Duration configured) noexcept : configured_(configured) {}

    /// The shortest pause between two status reads, and from GO to the first one where it is above the usual one.
    [[nodiscard]] base::Duration value() const noexcept;
    /// Above what is configured: the device fails otherwise, or is suspected to.
    [[nodiscard]] bool raised() const noexcept { return pace_.level > 0; }

    /// An exchange ended with Error, or without a response, after GO.
    void failed() noexcept;
    /// A response was seen by looking.
    void succeeded() noexcept;

private:
    struct Pace {
        std::uint32_t level = 0;      ///< pauses are 8 to this power times the configured one
        std::uint32_t responses = 0;  ///< seen at it, less what failures have cost
        std::uint32_t failures = 0;   ///< in a row
    };

    void raise() noexcept;
    void begin_trial() noexcept;
    void give_up_trial() noexcept;

    base::Duration configured_;
    Pace pace_;
    std::optional<Pace> before_;   ///< a shorter pause is on trial: what holds again when it fails
    std::uint32_t responses_ = 0;  ///< since the pace was raised, or the last trial ended
    std::uint32_t patience_ = patience_min;  ///< responses before the next trial
    bool in_steps_ = false;                  ///< the configured pace has failed its trial
    bool innocent_ = false;                  ///< looking is not what the device fails from

    static constexpr std::uint32_t patience_min = 16;
};

}  // namespace doed::doe
