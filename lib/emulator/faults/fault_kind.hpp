// SPDX-License-Identifier: Apache-2.0
//
// The ways in which an emulated mailbox can be made to misbehave. What a sound one does instead is at the top of
// emulator/doe_instance.hpp. Each kind may strike at its occasions only: at every exchange, abort or access, at the
// moment that its gloss names; where a kind needs more than that (a Ready to drop, a table to serve), it waits for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace doed::emulator {

/// In each gloss, "time" and "dwords" are those of the rule (emulator/faults/fault_script.hpp).
enum class FaultKind : std::uint8_t {
    // When an exchange may begin: at creation, after a reset, and when the response before has been read to its end.
    busy,         ///< Busy is set for `time`; an abort does not shorten that
    stuck_busy,   ///< Busy is set until an abort
    stale_ready,  ///< Ready is set: the answer to a discovery that somebody else has left behind
    stale_error,  ///< Error is set: somebody else's exchange went wrong

    // While the request comes in.
    error_in_request,  ///< Error when `dwords` of the request are written; without: 1 to 3
    error_at_go,       ///< Error instead of taking the request

    // While the response is made; at most one of error_in_response, never_ready, late_ready for each.
    error_in_response,  ///< Error after half the response time
    never_ready,        ///< nothing more is heard of the request until an abort
    late_ready,         ///< Ready comes `time` later
    error_when_polled,  ///< Error when Status is read within `time` of GO or of the read before
    early_ready,  ///< Ready at once, with the response given out before, or zeros; the true one follows it

    // What the response is; at most one for each.
    wrong_vendor,  ///< bit 15 of the vendor id is inverted
    wrong_type,    ///< bit 7 of the object type is inverted
    length_zero,   ///< Length says 2^18 dwords, and the object ends where it would
    length_one,    ///< Length says 1 dword, and the object ends where it would
    short_object,  ///< the object ends `dwords` before its Length, but not before its first; without: 1
    long_object,  ///< `dwords` more follow than Length says; without: 1
    huge_object,  ///< the object is filled up to `dwords` and says so; without: 2^18

    // While the response is read, when `dwords` have been read, without: anywhere before the end; at most one of the
    // first three for each.
    error_in_read,       ///< Error, and the rest is lost
    error_beside_ready,  ///< Error, and the rest is given out nevertheless
    ready_dropped,       ///< Ready is clear for `time`, without: the rest is lost
    error_after_read,    ///< Error when the last dword has been read

    // When the requester aborts.
    abort_ignored,  ///< the abort has no effect at all
    abort_fails,    ///< Error is set afterwards
    abort_hangs,    ///< Busy stays set for `time`, without: for ever; further aborts do not end it
    abort_leaves_ready,  ///< a response that was ready still is

    // Interrupts.
    interrupt_lost,        ///< Interrupt Status is set, no message is sent
    interrupt_duplicated,  ///< the message is sent twice
    interrupt_spurious,    ///< a message after GO although Interrupt Status is clear
    go_before_interrupt_enable,  ///< a write that sets GO and Interrupt Enable takes GO first: no message for that

    // What discovery says.
    discovery_loops,    ///< behind index 0, the next index is the one that was asked for
    discovery_nowhere,  ///< the next index is FFh, which names no protocol

    // What a table access responder says.
    table_changes,  ///< Sequence is one more, one other byte changes, and the checksum with them
    table_sequence_changes,  ///< Sequence is one more, and the checksum changes with it
    table_handle_loops,      ///< behind the header, the next handle is that of the first structure
    table_handle_nowhere,    ///< the next handle is FFFEh, which names no entry
    table_checksum_wrong,    ///< the header is given out with a wrong checksum

    // Accesses to the registers of the mailbox.
    all_ones,  ///< the whole function reads as all ones for `time`, without: for ever, and is reset when it returns
    slow_access,   ///< the access takes `time` more
    access_fails,  ///< the operating system refuses the access; it does not reach the device
};

inline constexpr std::size_t fault_kind_count =
    static_cast<std::size_t>(FaultKind::access_fails) + 1;

/// What the position of a rule counts, each from 1 and since the mailbox was made.
enum class FaultOccasion : std::uint8_t {
    exchange,  ///< ends when its response is read, when it is discarded in silence, or with an abort
    abort,     ///< writes of Abort
    access,    ///< reads and writes of the mailbox's registers
};

enum class FaultParameter : std::uint8_t { unused, optional, required };

struct FaultTraits {
    FaultKind kind;
    std::string_view name;  ///< in topology files
    FaultOccasion occasion;
    FaultParameter time;
    FaultParameter dwords;
    bool needs_table = false;  ///< strikes only where table access is served
};

/// Of every kind, in the order of FaultKind.
[[nodiscard]] std::span<const FaultTraits> all_fault_traits() noexcept;
[[nodiscard]] const FaultTraits& fault_traits(FaultKind kind) noexcept;

}  // namespace doed::emulator
