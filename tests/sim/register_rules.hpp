// SPDX-License-Identifier: Apache-2.0
//
// The rules of the road for whoever drives a DOE capability (PCIe r6.2 6.30.1, 6.30.2, 7.9.24), as an automaton that
// watches every access from outside and says which one broke which rule. It shares no code with lib/doe: registers and
// bits are spelled out here on purpose. Both the simulation and the exhaustive check judge by it.
#pragma once

#include "base/scheduler.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace doed::sim {

/// Registers, in bytes from the capability, and their bits.
inline constexpr std::uint16_t control_register = 0x08;
inline constexpr std::uint16_t status_register = 0x0C;
inline constexpr std::uint16_t write_register = 0x10;
inline constexpr std::uint16_t read_register = 0x14;
/// Command and Status, in bytes from the start of config space.
inline constexpr std::uint16_t command_register = 0x04;

inline constexpr std::uint32_t abort_bit = 1U << 0;
inline constexpr std::uint32_t interrupt_enable_bit = 1U << 1;
inline constexpr std::uint32_t go_bit = 1U << 31;

inline constexpr std::uint32_t busy_bit = 1U << 0;
inline constexpr std::uint32_t interrupt_bit = 1U << 1;
inline constexpr std::uint32_t error_bit = 1U << 2;
inline constexpr std::uint32_t ready_bit = 1U << 31;

inline constexpr std::uint32_t nobody_answers = 0xFFFFFFFFU;

/// A rule, and how it was broken.
struct Breach {
    std::string_view rule;
    std::string_view what;
};

/// A point in time, and how long accesses had held everything up until then: that time is the device's fault and is not
/// counted against whoever waits.
struct Instant {
    base::TimePoint now{};
    base::Duration held_up{};

    /// From `start` until here, without what was held up between.
    [[nodiscard]] base::Duration since(const Instant& start) const noexcept {
        return (now - start.now) - (held_up - start.held_up);
    }
};

struct RulesSetup {
    std::uint16_t capability_offset = 0;
    base::Duration timeout{};            ///< for Busy, a response, an abort
    base::Duration poll_floor{};         ///< shortest time between two looks in a wait
    std::uint32_t max_discovery_dw = 4;  ///< longest response of each protocol, header included
    std::uint32_t max_table_access_dw = 0;
};

class RegisterRules {
public:
    /// How far the capability's user has come.
    enum class Phase : std::uint8_t {
        unknown,     ///< nothing is known of the mailbox: an abort comes first
        unlooked,    ///< no exchange in hand, and the last look is too old or showed Busy or Ready
        clean,       ///< the last look showed neither Busy nor Error nor Ready
        sending,     ///< an object is being written
        sent,        ///< GO was written, no response was seen
        receiving,   ///< Ready was seen, dwords are read
        received,    ///< the last dword was acknowledged, the last look is due
        must_abort,  ///< something went wrong: only an abort is right
        aborting,    ///< abort was written, the mailbox was not seen clean
        gone,        ///< nobody answers: nothing is right
    };

    explicit RegisterRules(const RulesSetup& setup, Phase phase = Phase::unknown)
        : setup_(setup), phase_(phase) {}

    /// A dword was read.
    [[nodiscard]] std::optional<Breach> read(std::uint16_t offset, std::uint32_t value,
                                             const Instant& at);
    /// A dword was written.
    [[nodiscard]] std::optional<Breach> write(std::uint16_t offset, std::uint32_t value,
                                              const Instant& at);
    /// An access failed: whether it reached the device is not known. `gone` when that is why.
    void failed(bool gone) noexcept;
    /// The user says that the mailbox is idle: everything that went wrong has been set right.
    [[nodiscard]] std::optional<Breach> come_to_rest();
    /// The user says that it is dead, or given up: at least nothing is on the wire.
    [[nodiscard]] std::optional<Breach> come_to_end() const;
    /// One look may come before its time: there was an interrupt.
    void allow_early_look() noexcept { ++early_looks_; }
    /// The exchange under way is not wanted any more: it may be aborted whatever it last saw.
    void give_up() noexcept {
        ++early_looks_;
        given_up_ = true;
    }

    [[nodiscard]] Phase phase() const noexcept { return phase_; }
    /// A request is on the wire, or its response is not read to the end.
    [[nodiscard]] bool in_flight() const noexcept {
        return phase_ == Phase::sending || phase_ == Phase::sent || phase_ == Phase::receiving;
    }
    /// Interrupt Enable may be set, by what was written last.
    [[nodiscard]] bool armed() const noexcept { return interrupt_enabled_; }
    /// Responses that were received whole, with a clean last look.
    [[nodiscard]] std::uint64_t completed() const noexcept { return completed_; }
    [[nodiscard]] std::uint64_t aborts() const noexcept { return aborts_; }
    /// Requests that were sent to their end: GO was written.
    [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }
    /// Waits that there may have been: for Busy and a response at each request, after each abort, and for Busy where an
    /// access failed before anything was written.
    [[nodiscard]] std::uint64_t waits_max() const noexcept {
        return 2 * requests_ + aborts_ + access_failures_;
    }
    /// Dwords of the response that were acknowledged since GO.
    [[nodiscard]] std::uint32_t acks() const noexcept { return acks_; }

private:
    std::optional<Breach> read_status(std::uint32_t value, const Instant& at);
    std::optional<Breach> judge_wait(const Instant& at);
    void begin_wait(const Instant& at) noexcept;
    void end_wait() noexcept;
    std::optional<Breach> read_dword(std::uint32_t value);
    std::optional<Breach> read_command(std::uint32_t value);
    std::optional<Breach> read_control(std::uint32_t value);
    std::optional<Breach> write_control(std::uint32_t value, const Instant& at);
    std::optional<Breach> write_go(std::uint32_t value, const Instant& at);
    std::optional<Breach> write_plain_control(std::uint32_t value);
    std::optional<Breach> write_status(std::uint32_t value);
    std::optional<Breach> write_dword(std::uint32_t value);
    std::optional<Breach> judge_request_dword(std::uint32_t value);
    std::optional<Breach> acknowledge();
    std::optional<Breach> judge_acknowledged();
    [[nodiscard]] std::uint32_t longest_response() const noexcept;

    RulesSetup setup_;
    Phase phase_;
    bool confirming_ =
        false;  ///< a look showed all ones, and nobody asked yet whether the function is there
    bool may_confirm_ = false;     ///< the last access read all ones
    bool busy_seen_ = false;       ///< at the last look
    bool given_up_ = false;        ///< since the mailbox rested or was claimed last
    bool access_failed_ = false;   ///< since the last abort
    std::uint32_t preserved_ = 0;  ///< of Control, as it was found
    bool interrupt_enabled_ = false;
    bool interrupt_cleared_ = false;  ///< since the object was begun

    std::uint32_t header1_ = 0;  ///< of the request
    std::uint32_t length_ = 0;   ///< of the request, by its header
    std::uint32_t written_ = 0;
    std::uint32_t last_read_ = 0;
    std::uint32_t response_length_ = 0;
    std::uint32_t reads_ = 0;
    std::uint32_t acks_ = 0;
    bool ready_seen_ = false;  ///< Ready, at a look after the last dword that was read

    std::optional<Instant> wait_;            ///< its begin: GO, abort, the first look at Busy
    std::optional<base::TimePoint> looked_;  ///< in this wait
    std::uint32_t early_looks_ = 0;          ///< that may still come
    std::uint64_t completed_ = 0;
    std::uint64_t aborts_ = 0;
    std::uint64_t requests_ = 0;
    std::uint64_t access_failures_ = 0;
};

/// "sending", "sent", ...
[[nodiscard]] std::string_view to_string(RegisterRules::Phase phase) noexcept;

}  // namespace doed::sim
