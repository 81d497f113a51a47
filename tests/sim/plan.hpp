// SPDX-License-Identifier: Apache-2.0
//
// What a seed means: the devices of a schedule, how their mailboxes are driven, what goes wrong with them, and who asks
// for what. Everything that is not drawn here is drawn while the schedule runs, from streams that the seed begins.
#pragma once

#include "doe/mailbox.hpp"
#include "emulator/doe_instance.hpp"
#include "emulator/faults/fault_script.hpp"
#include "support/sim_random.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace doed::sim {

/// What goes wrong although the device is sound, beside the faults that its script has.
enum class Interference : std::uint8_t {
    removal,          ///< the function is pulled out, and put back after a while
    unanswered_read,  ///< one read is not answered
    stuck_status,     ///< Status shows one value for a while
    status_glitch,    ///< one look shows a bit that is not there, or misses one that is
    foreign_abort,    ///< another program aborts, and with that clears Interrupt Enable
    foreign_request,  ///< another program sends a request and leaves the response
    foreign_dword,    ///< another program writes one dword of an object
    foreign_read,     ///< another program takes a dword of the response
    late_interrupt,   ///< a message takes its time
};
inline constexpr std::size_t interference_count =
    static_cast<std::size_t>(Interference::late_interrupt) + 1;

/// "removal", "unanswered-read", ...
[[nodiscard]] std::string_view to_string(Interference kind) noexcept;

/// One DOE capability, its device's side and its user's.
struct PortPlan {
    std::uint16_t offset = 0;
    emulator::DoeInstanceOptions device;
    emulator::FaultScript script;  ///< empty: a sound mailbox
    doe::MailboxOptions mailbox;
    std::uint32_t reserved_status = 0;   ///< reserved bits that read 1
    std::uint32_t reserved_control = 0;  ///< control bits that somebody else set, to be kept
    unsigned structures = 1;             ///< of its table
    std::vector<Interference> interferences;
    std::uint32_t accesses_between = 0;  ///< on average, of interferences at accesses
    base::Duration time_between{};       ///< on average, of those at any time
};

struct DevicePlan {
    std::vector<PortPlan> ports;
    base::Duration access_delay{};
};

struct Plan {
    std::uint64_t seed = 0;
    bool calm = false;  ///< nothing goes wrong, nobody interferes: everything must succeed
    std::vector<DevicePlan> devices;
    unsigned clients = 1;
    unsigned users = 1;
    base::Duration active{};               ///< how long clients ask and faults happen
    base::Duration jitter{};               ///< the longest that tasks are kept waiting now and then
    base::Duration time_between_asks{};    ///< of a client, on average
    base::Duration time_between_resets{};  ///< of a mailbox, on average; zero: none
    base::Duration time_between_leases{};  ///< of a mailbox, on average; zero: none
    base::Duration time_between_takings{};  ///< by the kernel, of a mailbox, on average; zero: none

    /// The plan of a seed; the same on every machine.
    [[nodiscard]] static Plan draw(std::uint64_t seed);
};

}  // namespace doed::sim
