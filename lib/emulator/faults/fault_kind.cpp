// SPDX-License-Identifier: Apache-2.0
#include "emulator/faults/fault_kind.hpp"

#include <array>

namespace doed::emulator {

namespace {

using enum FaultKind;
using enum FaultOccasion;
using enum FaultParameter;

constexpr std::array<FaultTraits, fault_kind_count> traits{{
    {busy, "busy", exchange, required, unused},
    {stuck_busy, "stuck-busy", exchange, unused, unused},
    {stale_ready, "stale-ready", exchange, unused, unused},
    {stale_error, "stale-error", exchange, unused, unused},
    {error_in_request, "error-in-request", exchange, unused, optional},
    {error_at_go, "error-at-go", exchange, unused, unused},
    {error_in_response, "error-in-response", exchange, unused, unused},
    {never_ready, "never-ready", exchange, unused, unused},
    {late_ready, "late-ready", exchange, required, unused},
    {error_when_polled, "error-when-polled", exchange, required, unused},
    {early_ready, "early-ready", exchange, unused, unused},
    {wrong_vendor, "wrong-vendor", exchange, unused, unused},
    {wrong_type, "wrong-type", exchange, unused, unused},
    {length_zero, "length-zero", exchange, unused, unused},
    {length_one, "length-one", exchange, unused, unused},
    {short_object, "short-object", exchange, unused, optional},
    {long_object, "long-object", exchange, unused, optional},
    {huge_object, "huge-object", exchange, unused, optional},
    {error_in_read, "error-in-read", exchange, unused, optional},
    {error_beside_ready, "error-beside-ready", exchange, unused, optional},
    {ready_dropped, "ready-dropped", exchange, optional, optional},
    {error_after_read, "error-after-read", exchange, unused, unused},
    {abort_ignored, "abort-ignored", abort, unused, unused},
    {abort_fails, "abort-fails", abort, unused, unused},
    {abort_hangs, "abort-hangs", abort, optional, unused},
    {abort_leaves_ready, "abort-leaves-ready", abort, unused, unused},
    {interrupt_lost, "interrupt-lost", exchange, unused, unused},
    {interrupt_duplicated, "interrupt-duplicated", exchange, unused, unused},
    {interrupt_spurious, "interrupt-spurious", exchange, unused, unused},
    {go_before_interrupt_enable, "go-before-interrupt-enable", exchange, unused, unused},
    {discovery_loops, "discovery-loops", exchange, unused, unused},
    {discovery_nowhere, "discovery-nowhere", exchange, unused, unused},
    {table_changes, "table-changes", exchange, unused, unused, true},
    {table_sequence_changes, "table-sequence-changes", exchange, unused, unused, true},
    {table_handle_loops, "table-handle-loops", exchange, unused, unused, true},
    {table_handle_nowhere, "table-handle-nowhere", exchange, unused, unused, true},
    {table_checksum_wrong, "table-checksum-wrong", exchange, unused, unused, true},
    {all_ones, "all-ones", access, optional, unused},
    {slow_access, "slow-access", access, required, unused},
    {access_fails, "access-fails", access, unused, unused},
}};

static_assert([] {
    for (std::size_t i = 0; i < traits.size(); ++i) {
        if (traits[i].kind != static_cast<FaultKind>(i)) {
            return false;
        }
    }
    return true;
}());

}  // namespace

std::span<const FaultTraits> all_fault_traits() noexcept {
    return traits;
}

const FaultTraits& fault_traits(FaultKind kind) noexcept {
    return traits[static_cast<std::size_t>(kind)];
}

}  // namespace doed::emulator
