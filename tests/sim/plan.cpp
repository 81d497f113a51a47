// SPDX-License-Identifier: Apache-2.0
#include "sim/plan.hpp"

#include <array>

namespace doed::sim {

namespace {

using namespace std::chrono_literals;
using emulator::FaultKind;
using emulator::FaultOccasion;
using emulator::FaultParameter;
using emulator::FaultRule;
using test::SimRandom;

constexpr std::array<std::string_view, interference_count> interference_names{
    "removal",         "unanswered-read", "stuck-status", "status-glitch", "foreign-abort",
    "foreign-request", "foreign-dword",   "foreign-read", "late-interrupt"};

// One in this many schedules has no fault at all.
constexpr std::uint32_t calm_share = 8;

// What a fault that lasts may take, longer than any wait.
constexpr base::Duration longest_fault = 4s;
// A dword more than the longest response of table access.
constexpr std::uint32_t too_long_dw = 3 + (0xFFFF + 3) / 4 + 1;

emulator::DoeInstanceOptions draw_device(SimRandom& random) {
    emulator::DoeInstanceOptions options;
    options.capability_version = random.one_in(2) ? 1 : 2;
    if (!random.one_in(6)) {
        const base::Duration shortest = random.up_to(50ms);
        const base::Duration spread = random.up_to(random.one_in(8) ? 800ms : 50ms);
        options.response_time = {shortest, shortest + spread};
    }
    options.abort_time = random.one_in(2) ? 0ns : random.up_to(400ms);
    options.busy_while_processing = random.one_in(3);
    options.seed = random.next();
    return options;
}

doe::MailboxOptions draw_mailbox(SimRandom& random) {
    doe::MailboxOptions options;
    options.exchange_timeout = random.one_in(4) ? 1s + random.between(0s, 3s) : 1s;
    options.poll.floor = random.one_in(2) ? 50us : random.between(20us, 2ms);
    options.poll.cap = options.poll.floor + random.between(1ms, 40ms);
    options.interrupt = random.one_in(2);
    options.safety_poll = random.between(5ms, 100ms);
    options.queue_limit = random.between(1, 12);
    options.revival_pause_min = random.between(100ms, 2s);
    options.revival_pause_max = options.revival_pause_min + random.between(1s, 60s);
    return options;
}

std::uint32_t draw_dwords(FaultKind kind, SimRandom& random) {
    if (kind != FaultKind::huge_object) {
        return random.between(1, 8);
    }
    // Within what the protocol allows mostly; sometimes one too long, or the longest that fits.
    return random.one_in(8) ? too_long_dw - random.below(2) : random.between(3, 60);
}

// At every so-manieth occasion, or at one that was chosen; never after `active`.
FaultRule draw_rule(base::Duration active, SimRandom& random) {
    const auto& traits = emulator::all_fault_traits()[random.below(emulator::fault_kind_count)];
    FaultRule rule{.kind = traits.kind};
    const bool access = traits.occasion == FaultOccasion::access;
    if (random.one_in(3)) {
        const std::uint32_t number = random.between(1, access ? 1000 : 30);
        rule = FaultRule::at(traits.kind, number, random.between(1, 3));
    } else {
        const std::uint32_t between = access ? 1U << random.between(6, 11) : random.between(1, 20);
        rule.rate = 1.0 / between;
    }
    rule.until = active;
    if (traits.time == FaultParameter::required ||
        (traits.time == FaultParameter::optional && !random.one_in(8))) {
        rule.time = random.up_to(access ? longest_fault / 8 : longest_fault);
    }
    if (traits.kind == FaultKind::all_ones && !rule.time) {
        // Gone for ever is what the removal of a device is for, which comes back.
        rule.time = longest_fault;
    }
    if (traits.dwords != FaultParameter::unused &&
        (traits.kind == FaultKind::huge_object || random.one_in(2))) {
        rule.dwords = draw_dwords(traits.kind, random);
    }
    return rule;
}

// Each mailbox has its own few kinds of faults: all of them at once would hide each other.
void draw_faults(PortPlan& plan, base::Duration active, SimRandom& random) {
    plan.script.seed = random.next();
    const std::uint32_t rules = random.below(5);
    for (std::uint32_t i = 0; i < rules; ++i) {
        plan.script.rules.push_back(draw_rule(active, random));
    }
    const std::uint32_t interferences = random.below(3);
    for (std::uint32_t i = 0; i < interferences; ++i) {
        plan.interferences.push_back(static_cast<Interference>(random.below(interference_count)));
    }
    plan.accesses_between = 1U << random.between(4, 10);
    plan.time_between = random.between(100ms, 10s);
}

PortPlan draw_port(std::uint16_t index, const Plan& schedule, SimRandom& random) {
    PortPlan plan;
    plan.offset = static_cast<std::uint16_t>(0x160 + 0x30 * index);
    plan.device = draw_device(random);
    plan.device.interrupt_message = random.one_in(4) ? 0 : index;
    plan.mailbox = draw_mailbox(random);
    plan.structures = random.between(1, 4);
    if (random.one_in(4)) {
        plan.reserved_status = static_cast<std::uint32_t>(random.next()) & 0x7FFFFFF8U;
        plan.reserved_control = static_cast<std::uint32_t>(random.next()) & 0x7FFFFFF8U;
    }
    if (!schedule.calm) {
        draw_faults(plan, schedule.active, random);
    }
    return plan;
}

}  // namespace

std::string_view to_string(Interference kind) noexcept {
    return interference_names[static_cast<std::size_t>(kind)];
}

Plan Plan::draw(std::uint64_t seed) {
    SimRandom random(seed);
    Plan plan;
    plan.seed = seed;
    plan.calm = random.one_in(calm_share);
    plan.active = random.between(1s, 12s);
    plan.jitter = random.one_in(3) ? random.up_to(50ms) : 0ns;
    const std::uint32_t devices = random.one_in(3) ? 2 : 1;
    for (std::uint32_t i = 0; i < devices; ++i) {
        DevicePlan device;
        device.access_delay = random.one_in(8) ? random.between(1us, 20us) : 0ns;
        const std::uint32_t ports = random.one_in(4) ? 2 : 1;
        for (std::uint32_t port = 0; port < ports; ++port) {
            device.ports.push_back(draw_port(static_cast<std::uint16_t>(port), plan, random));
        }
        plan.devices.push_back(std::move(device));
    }
    plan.clients = random.between(1, 6);
    plan.users = random.between(1, 3);
    plan.time_between_asks = random.between(100ms, 2s);
    if (!plan.calm) {
        plan.time_between_resets = random.one_in(2) ? random.between(300ms, 6s) : 0s;
        plan.time_between_leases = random.one_in(3) ? random.between(500ms, 6s) : 0s;
        plan.time_between_takings = random.one_in(4) ? random.between(500ms, 6s) : 0s;
    }
    return plan;
}

}  // namespace doed::sim
