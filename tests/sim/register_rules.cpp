// SPDX-License-Identifier: Apache-2.0
#include "sim/register_rules.hpp"

#include <algorithm>
#include <utility>

namespace doed::sim {

namespace {

constexpr std::uint32_t control_known_bits = abort_bit | interrupt_enable_bit | go_bit;
constexpr std::uint32_t header1_mask = 0x00FFFFFF;
constexpr std::uint32_t length_mask = 0x0003FFFF;
constexpr std::uint32_t longest_object_dw = 0x00040000;

constexpr std::uint32_t header1_discovery = 0x00000001;
constexpr std::uint32_t header1_table_access = 0x00021E98;

constexpr std::uint32_t decode_length(std::uint32_t header2) noexcept {
    const std::uint32_t coded = header2 & length_mask;
    return coded == 0 ? longest_object_dw : coded;
}

}  // namespace

// --- Reading -------------------------------------------------------------------------------------------------------

std::optional<Breach> RegisterRules::read(std::uint16_t offset, std::uint32_t value,
                                          const Instant& at) {
    if (phase_ == Phase::gone) {
        return Breach{"no-access-after-gone", "a read of a function that does not answer"};
    }
    const bool may_confirm = std::exchange(may_confirm_, value == nobody_answers);
    if (offset == command_register) {
        return may_confirm ? read_command(value)
                           : Breach{"own-registers-only",
                                    "a read of Command where nothing was all ones before"};
    }
    if (confirming_) {
        return Breach{"all-ones-is-confirmed",
                      "a read after all ones that does not ask whether the function is there"};
    }
    switch (offset - setup_.capability_offset) {
        case control_register: return read_control(value);
        case status_register: return read_status(value, at);
        case read_register: return read_dword(value);
        default: return Breach{"own-registers-only", "a read of a register that is not ours"};
    }
}

std::optional<Breach> RegisterRules::read_command(std::uint32_t value) {
    if (value == nobody_answers) {
        phase_ = Phase::gone;
    } else if (confirming_ && phase_ != Phase::aborting) {
        phase_ = Phase::must_abort;
    }
    confirming_ = false;
    return std::nullopt;
}

std::optional<Breach> RegisterRules::read_control(std::uint32_t value) {
    if (in_flight() || phase_ == Phase::received) {
        return Breach{"one-request-at-a-time", "a claim while an exchange is under way"};
    }
    preserved_ = value == nobody_answers ? 0 : value & ~control_known_bits;
    given_up_ = false;
    phase_ = Phase::unknown;
    end_wait();
    return std::nullopt;
}

std::optional<Breach> RegisterRules::read_status(std::uint32_t value, const Instant& at) {
    if (const auto breach = judge_wait(at)) {
        return breach;
    }
    if (value == nobody_answers) {
        confirming_ = true;
        return std::nullopt;
    }
    const bool busy = busy_seen_ = (value & busy_bit) != 0;
    const bool error = (value & error_bit) != 0;
    const bool ready = (value & ready_bit) != 0;
    switch (phase_) {
        case Phase::unlooked:
        case Phase::clean:
        case Phase::sending:
            if (error || (ready && !busy)) {
                phase_ = Phase::must_abort;
            } else if (busy) {
                phase_ = Phase::unlooked;
                begin_wait(at);
            } else {
                phase_ = phase_ == Phase::sending ? Phase::sending : Phase::clean;
                end_wait();
            }
            break;
        case Phase::sent:
            if (error) {
                phase_ = Phase::must_abort;
            } else if (ready) {
                phase_ = Phase::receiving;
                end_wait();
            } else if (at.since(*wait_) >= setup_.timeout) {
                phase_ = Phase::must_abort;
            }
            break;
        case Phase::receiving:
            ready_seen_ = true;
            if (error || !ready) {
                phase_ = Phase::must_abort;
            }
            break;
        case Phase::received:
            if (error) {
                phase_ = Phase::must_abort;
                break;
            }
            ++completed_;
            phase_ = busy || ready ? Phase::unlooked : Phase::clean;
            break;
        case Phase::aborting:
            if (!busy && !error && !ready) {
                phase_ = Phase::clean;
                end_wait();
            }
            break;
        case Phase::unknown:
        case Phase::must_abort:
            return Breach{"wrong-means-abort", "a look where only an abort is right"};
        case Phase::gone: break;
    }
    return std::nullopt;
}

// One look of a wait may be early, because it is the last before the time is up. What was allowed and not used lapses.
std::optional<Breach> RegisterRules::judge_wait(const Instant& at) {
    if (!wait_) {
        return std::nullopt;
    }
    if (at.since(*wait_) > setup_.timeout) {
        return Breach{"no-wait-beyond-its-time", "a look after the time to wait was up"};
    }
    if (looked_ && at.now - *looked_ < setup_.poll_floor) {
        if (early_looks_ == 0) {
            return Breach{"no-hammering", "a look sooner after the last than the floor"};
        }
        --early_looks_;
    }
    looked_ = at.now;
    return std::nullopt;
}

void RegisterRules::begin_wait(const Instant& at) noexcept {
    if (!wait_) {
        wait_ = at;
        looked_.reset();
        early_looks_ = std::min(early_looks_, 3U) + 1;
    }
}

void RegisterRules::end_wait() noexcept {
    wait_.reset();
    looked_.reset();
}

std::optional<Breach> RegisterRules::read_dword(std::uint32_t value) {
    if (phase_ != Phase::receiving) {
        return Breach{"ready-before-reading", "a dword was read without Ready"};
    }
    if (reads_ != acks_) {
        return Breach{"each-dword-once", "a dword was read twice"};
    }
    ++reads_;
    last_read_ = value;
    ready_seen_ = false;
    if (reads_ == 2) {
        response_length_ = decode_length(value);
    }
    return std::nullopt;
}

// --- Writing -------------------------------------------------------------------------------------------------------

std::optional<Breach> RegisterRules::write(std::uint16_t offset, std::uint32_t value,
                                           const Instant& at) {
    if (phase_ == Phase::gone) {
        return Breach{"no-access-after-gone", "a write to a function that does not answer"};
    }
    may_confirm_ = false;
    const auto register_offset = offset - setup_.capability_offset;
    const bool abort = register_offset == control_register && (value & abort_bit) != 0;
    if (confirming_ && !(abort && given_up_)) {
        return Breach{"all-ones-is-confirmed", "a write after a look of all ones"};
    }
    looked_.reset();
    switch (register_offset) {
        case control_register: return write_control(value, at);
        case status_register: return write_status(value);
        case write_register: return write_dword(value);
        case read_register: return acknowledge();
        default: return Breach{"own-registers-only", "a write to a register that is not ours"};
    }
}

std::optional<Breach> RegisterRules::write_control(std::uint32_t value, const Instant& at) {
    if ((value & ~control_known_bits) != preserved_) {
        return Breach{"control-bits-are-kept", "Control bits that are not ours were changed"};
    }
    if ((value & go_bit) != 0) {
        return write_go(value, at);
    }
    if ((value & abort_bit) == 0) {
        return write_plain_control(value);
    }
    if ((value & interrupt_enable_bit) != 0) {
        return Breach{"interrupt-enable-last", "Interrupt Enable was set together with Abort"};
    }
    ++aborts_;
    access_failed_ = false;
    interrupt_enabled_ = false;
    confirming_ = false;
    phase_ = Phase::aborting;
    end_wait();
    begin_wait(at);
    return std::nullopt;
}

std::optional<Breach> RegisterRules::write_go(std::uint32_t value, const Instant& at) {
    if ((value & abort_bit) != 0) {
        return Breach{"go-after-the-whole-object", "GO together with Abort"};
    }
    if (busy_seen_) {
        return Breach{"no-request-while-busy", "GO while Busy was what was seen last"};
    }
    if (phase_ != Phase::sending || written_ < 2 || written_ != length_) {
        return Breach{"go-after-the-whole-object", "GO without a whole object"};
    }
    if ((value & interrupt_enable_bit) != 0) {
        if (!interrupt_enabled_) {
            return Breach{"interrupt-enable-last",
                          "Interrupt Enable was set by the write that is GO"};
        }
        if (!interrupt_cleared_) {
            return Breach{"interrupt-status-cleared", "GO with Interrupt Status not cleared"};
        }
    }
    interrupt_enabled_ = (value & interrupt_enable_bit) != 0;
    phase_ = Phase::sent;
    ++requests_;
    reads_ = 0;
    acks_ = 0;
    ready_seen_ = false;
    begin_wait(at);
    return std::nullopt;
}

std::optional<Breach> RegisterRules::write_plain_control(std::uint32_t value) {
    if (in_flight() || phase_ == Phase::received) {
        return Breach{"one-request-at-a-time", "Control was written in the middle of an exchange"};
    }
    interrupt_enabled_ = (value & interrupt_enable_bit) != 0;
    if (interrupt_enabled_ && phase_ != Phase::clean) {
        return Breach{"interrupt-enable-last", "Interrupt Enable before the mailbox was idle"};
    }
    return std::nullopt;
}

std::optional<Breach> RegisterRules::write_status(std::uint32_t value) {
    if (value != interrupt_bit) {
        return Breach{"own-registers-only", "Status was written with more than Interrupt Status"};
    }
    const bool before_go = phase_ == Phase::sending && written_ == length_;
    if (!before_go && phase_ != Phase::sent) {
        return Breach{"interrupt-status-cleared", "Interrupt Status was cleared out of turn"};
    }
    interrupt_cleared_ = true;
    return std::nullopt;
}

// Busy says that no new object may be written, and only that (PCIe r6.2 6.30.2): a response that is ready beside it may be
// read and acknowledged, and Interrupt Status cleared.
std::optional<Breach> RegisterRules::write_dword(std::uint32_t value) {
    if (busy_seen_) {
        return Breach{"no-request-while-busy",
                      "a request was written while Busy was what was seen last"};
    }
    if (phase_ == Phase::clean) {
        phase_ = Phase::sending;
        written_ = 0;
        interrupt_cleared_ = false;
        end_wait();
    }
    if (in_flight() && phase_ != Phase::sending) {
        return Breach{"one-request-at-a-time", "a request was written while another is under way"};
    }
    if (phase_ != Phase::sending) {
        return Breach{"no-request-unless-clean",
                      "a request was written to a mailbox that was not seen clean"};
    }
    ++written_;
    return judge_request_dword(value);
}

std::optional<Breach> RegisterRules::judge_request_dword(std::uint32_t value) {
    if (written_ == 1) {
        header1_ = value;
        if (value != header1_discovery && value != header1_table_access) {
            return Breach{"allowed-protocols-only", "a request of another protocol"};
        }
    } else if (written_ == 2) {
        length_ = decode_length(value);
        if ((value & ~length_mask) != 0 || length_ < 2) {
            return Breach{"go-after-the-whole-object", "a request with a wrong length"};
        }
    } else if (written_ > length_) {
        return Breach{"go-after-the-whole-object", "more dwords than the request's length"};
    }
    return std::nullopt;
}

std::optional<Breach> RegisterRules::acknowledge() {
    if (phase_ != Phase::receiving) {
        return Breach{"no-ack-without-ready", "a dword was acknowledged without Ready"};
    }
    if (reads_ != acks_ + 1) {
        return Breach{"never-an-extra-ack", "a dword was acknowledged that was not read"};
    }
    if (const auto breach = judge_acknowledged()) {
        return breach;
    }
    ++acks_;
    if (acks_ >= 2 && acks_ == response_length_) {
        phase_ = Phase::received;
    }
    return std::nullopt;
}

// What is looked at in a dword before it is taken from the device.
std::optional<Breach> RegisterRules::judge_acknowledged() {
    if (reads_ == 1) {
        if (((last_read_ ^ header1_) & header1_mask) != 0) {
            return Breach{"no-ack-of-a-wrong-header", "another protocol's header was acknowledged"};
        }
        return std::nullopt;
    }
    if (reads_ == 2 && (response_length_ < 2 || response_length_ > longest_response())) {
        return Breach{"no-ack-of-a-wrong-header", "a wrong length was acknowledged"};
    }
    if (reads_ > response_length_) {
        return Breach{"never-an-extra-ack", "more acknowledged than the response's length"};
    }
    if (reads_ == response_length_ && !ready_seen_) {
        return Breach{"no-ack-without-ready",
                      "the last dword was acknowledged without a look at Ready"};
    }
    return std::nullopt;
}

std::uint32_t RegisterRules::longest_response() const noexcept {
    return header1_ == header1_discovery ? setup_.max_discovery_dw : setup_.max_table_access_dw;
}

// --- Where an exchange leaves the mailbox ----------------------------------------------------------------------------

void RegisterRules::failed(bool gone) noexcept {
    const bool untouched =
        phase_ == Phase::unlooked || phase_ == Phase::clean || phase_ == Phase::unknown;
    if (gone) {
        phase_ = Phase::gone;
    } else if (untouched) {
        phase_ = phase_ == Phase::unknown ? Phase::unknown : Phase::unlooked;
    } else {
        phase_ = Phase::must_abort;
    }
    confirming_ = false;
    access_failed_ = true;
    ++access_failures_;
    end_wait();
}

std::optional<Breach> RegisterRules::come_to_rest() {
    if (phase_ != Phase::clean && phase_ != Phase::unlooked) {
        return Breach{"wrong-means-abort", "the mailbox rests without having been set right"};
    }
    if (confirming_) {
        return Breach{"all-ones-is-confirmed", "the mailbox rests after a look of all ones"};
    }
    phase_ = Phase::unlooked;
    given_up_ = false;
    end_wait();
    return std::nullopt;
}

std::optional<Breach> RegisterRules::come_to_end() const {
    const bool waits_for_abort = phase_ == Phase::must_abort && !access_failed_;
    if (in_flight() || phase_ == Phase::received || waits_for_abort) {
        return Breach{"wrong-means-abort", "the mailbox is given up in the middle of an exchange"};
    }
    return std::nullopt;
}

std::string_view to_string(RegisterRules::Phase phase) noexcept {
    using Phase = RegisterRules::Phase;
    switch (phase) {
        case Phase::unknown: return "unknown";
        case Phase::unlooked: return "unlooked";
        case Phase::clean: return "clean";
        case Phase::sending: return "sending";
        case Phase::sent: return "sent";
        case Phase::receiving: return "receiving";
        case Phase::received: return "received";
        case Phase::must_abort: return "must abort";
        case Phase::aborting: return "aborting";
        case Phase::gone: return "gone";
    }
    return "?";
}

}  // namespace doed::sim
