// SPDX-License-Identifier: Apache-2.0
#include "sim/sim_device.hpp"

#include "base/assert.hpp"
#include "doe/data_object.hpp"
#include "sim/register_rules.hpp"

#include <algorithm>
#include <utility>

#include <linux/pci_regs.h>

namespace doed::sim {

namespace {

using namespace std::chrono_literals;
using emulator::FaultKind;

constexpr base::Duration longest_interference = 4s;
constexpr base::Duration late_interrupt_time = 300ms;

// After these a sound exchange may bring another response than the device made: dwords of two objects become one, the one
// is longer than it was made, or discovery leads elsewhere. No driver can tell.
constexpr FaultKind tainting[] = {FaultKind::early_ready,     FaultKind::short_object,
                                  FaultKind::huge_object,     FaultKind::ready_dropped,
                                  FaultKind::discovery_loops, FaultKind::discovery_nowhere};

emulator::Environment environment_of(test::SimStrands& strands) {
    return {.now = [&strands] { return strands.now(); },
            .pause = [&strands](base::Duration time) { strands.hold_up(time); }};
}

}  // namespace

// --- The port, seen by its driver ------------------------------------------------------------------------------------

Port::Port(SimDevice& device, const PortPlan& plan, std::string name, std::uint64_t seed)
    : device_(device),
      plan_(plan),
      name_(std::move(name)),
      random_(seed),
      truth_(plan.device.capability_version, static_cast<std::uint32_t>(seed),
             Truth::make_table(static_cast<std::uint32_t>(seed), plan.structures)) {
    if (!plan.script.rules.empty()) {
        faults_ = std::make_shared<emulator::FaultInjector>(
            plan.script, [&device] { return device.strands_.now(); });
    }
    if (!plan.interferences.empty()) {
        accesses_to_next_ = 1 + random_.below(2 * plan.accesses_between);
    }
}

base::Result<std::uint32_t> Port::read32(std::uint16_t offset) {
    interfere_at_access(true);
    if (device_.removed_ || std::exchange(unanswered_, false)) {
        ++taints_;
        return pci::all_ones;
    }
    auto value = device_.device_->read32(offset);
    device_.expect_event();
    if (!value || *value == pci::all_ones) {
        return value;
    }
    if (offset == plan_.offset + control_register) {
        *value |= plan_.reserved_control;
    } else if (offset == plan_.offset + status_register) {
        *value = look_at(*value);
    }
    return value;
}

base::Result<void> Port::write32(std::uint16_t offset, std::uint32_t value) {
    interfere_at_access(false);
    if (device_.removed_) {
        return {};
    }
    auto written = device_.device_->write32(offset, value);
    device_.expect_event();
    return written;
}

std::uint32_t Port::look_at(std::uint32_t status) {
    std::uint32_t shown = (status ^ std::exchange(glitch_, 0)) | plan_.reserved_status;
    if (device_.strands_.now() < stuck_until_) {
        shown = stuck_status_;
    }
    if (((shown ^ status) & (busy_bit | error_bit | ready_bit)) != 0) {
        ++taints_;
    }
    return shown;
}

std::uint64_t Port::taints() const noexcept {
    std::uint64_t taints = taints_;
    if (faults_) {
        for (const FaultKind kind : tainting) {
            taints += faults_->counts().of(kind);
        }
    }
    // A function that comes back is as after a reset, whoever's fault it was that it was gone.
    for (const auto& port : device_.ports_) {
        taints += port->faults_ ? port->faults_->counts().of(FaultKind::all_ones) : 0;
    }
    return taints;
}

bool Port::disturbed() const noexcept {
    // A function that is gone or slow by the script of one port is so for the others too.
    return std::ranges::any_of(device_.ports_, [](const auto& port) {
        return port->interferences_ > 0 || (port->faults_ && port->faults_->counts().total() > 0);
    });
}

bool Port::removed() const noexcept {
    return device_.removed_;
}

// --- What happens to it ------------------------------------------------------------------------------------------------

void Port::interfere_at_access(bool read) {
    if (accesses_to_next_ == 0 || healed_ || --accesses_to_next_ > 0) {
        return;
    }
    accesses_to_next_ = 1 + random_.below(2 * plan_.accesses_between);
    const Interference kind = draw_interference();
    switch (kind) {
        case Interference::removal: device_.remove(random_.up_to(longest_interference)); break;
        case Interference::unanswered_read:
            if (read) {
                count(kind, "the next read is not answered");
                unanswered_ = true;
            }
            break;
        case Interference::status_glitch: {
            constexpr std::uint32_t bits[] = {busy_bit, error_bit, ready_bit, interrupt_bit};
            glitch_ = bits[random_.below(4)];
            count(kind, "the next look shows a bit inverted");
            break;
        }
        case Interference::stuck_status: begin_stuck_status(); break;
        case Interference::late_interrupt: break;
        default: use_by_others(kind); break;
    }
}

void Port::interfere() {
    if (healed_ || plan_.interferences.empty()) {
        return;
    }
    const Interference kind = draw_interference();
    switch (kind) {
        case Interference::removal: device_.remove(random_.up_to(longest_interference)); break;
        case Interference::stuck_status: begin_stuck_status(); break;
        case Interference::unanswered_read:
        case Interference::status_glitch:
        case Interference::late_interrupt: break;
        default: use_by_others(kind); break;
    }
}

void Port::begin_stuck_status() {
    constexpr std::uint32_t bits[] = {busy_bit, error_bit, ready_bit, interrupt_bit};
    stuck_status_ = random_.one_in(8) ? nobody_answers : 0;
    for (const std::uint32_t bit : bits) {
        stuck_status_ |= random_.one_in(3) ? bit : 0;
    }
    stuck_until_ = device_.strands_.now() + random_.up_to(longest_interference);
    count(Interference::stuck_status, "Status is stuck");
}

void Port::use_by_others(Interference kind) {
    if (device_.removed_) {
        return;
    }
    ++taints_;
    auto& device = *device_.device_;
    const auto reg = [this](std::uint16_t offset) {
        return static_cast<std::uint16_t>(plan_.offset + offset);
    };
    switch (kind) {
        case Interference::foreign_abort:
            count(kind, "another program aborts");
            static_cast<void>(device.write32(reg(control_register), abort_bit));
            break;
        case Interference::foreign_request:
            count(kind, "another program sends a request");
            for (const std::uint32_t dword : {doe::encode_header1(doe::protocol_table_access),
                                              std::uint32_t{3}, echo_code | 0xF0000000U}) {
                static_cast<void>(device.write32(reg(write_register), dword));
            }
            static_cast<void>(device.write32(reg(control_register), go_bit));
            break;
        case Interference::foreign_dword:
            count(kind, "another program writes a dword");
            static_cast<void>(device.write32(reg(write_register), 0x12345678));
            break;
        case Interference::foreign_read:
            count(kind, "another program takes a dword");
            static_cast<void>(device.read32(reg(read_register)));
            static_cast<void>(device.write32(reg(read_register), 0));
            break;
        default: break;
    }
    device_.expect_event();
}

Interference Port::draw_interference() {
    return plan_
        .interferences[random_.below(static_cast<std::uint32_t>(plan_.interferences.size()))];
}

void Port::count(Interference kind, const char* what) {
    ++interferences_;
    device_.tally_.add(kind);
    device_.judge_.note("%s: %s", name_.c_str(), what);
}

void Port::send_interrupt() {
    if (!ring_) {
        return;
    }
    base::Duration time = random_.up_to(interrupt_time);
    const auto late = std::ranges::find(plan_.interferences, Interference::late_interrupt);
    if (late != plan_.interferences.end() && !healed_ && random_.one_in(4)) {
        count(Interference::late_interrupt, "an interrupt takes its time");
        time = random_.up_to(late_interrupt_time);
    } else if (random_.one_in(2)) {
        // It overtakes the return from the access that brought it about.
        ring_();
        return;
    }
    device_.strand_.at(device_.strands_.now() + time, [this] { ring_(); });
}

void Port::heal() {
    healed_ = true;
    unanswered_ = false;
    glitch_ = 0;
    stuck_until_ = {};
    // What hangs for ever ends with a reset of the function, which somebody has to do.
    const bool for_ever = std::ranges::any_of(plan_.script.rules, [](const auto& rule) {
        return rule.kind == FaultKind::abort_hangs && !rule.time;
    });
    if (for_ever && faults_->counts().of(FaultKind::abort_hangs) > 0) {
        instance_->reset();
    }
}

// --- The function ------------------------------------------------------------------------------------------------------

SimDevice::SimDevice(const DevicePlan& plan, unsigned number, test::SimStrands& strands,
                     test::SimStrands::Strand& strand, Judge& judge, Tally& tally,
                     test::SimRandom& random)
    : strands_(strands), strand_(strand), judge_(judge), tally_(tally) {
    emulator::ConfigImage image({.vendor_id = 0x8086, .device_id = 0x0D93, .class_code = 0x050210},
                                emulator::HeaderType::endpoint);
    const emulator::Environment environment = environment_of(strands);
    std::vector<emulator::Device::Mailbox> mailboxes;
    for (const PortPlan& port : plan.ports) {
        char name[40];
        std::snprintf(name, sizeof(name), "0000:%02x:00.0 mailbox 0x%x", number + 1, port.offset);
        ports_.push_back(std::make_unique<Port>(*this, port, name, random.next()));
        mailboxes.push_back(make_mailbox(*ports_.back(), image, environment));
        interrupts_ = interrupts_ || port.mailbox.interrupt;
    }
    device_ = std::make_shared<emulator::Device>(std::move(image), std::move(mailboxes),
                                                 environment, plan.access_delay);
}

emulator::Device::Mailbox SimDevice::make_mailbox(Port& port, emulator::ConfigImage& image,
                                                  const emulator::Environment& environment) {
    const bool placed =
        image.add_extended_capability({PCI_EXT_CAP_ID_DOE, port.plan_.device.capability_version,
                                       port.plan_.offset, emulator::DoeInstance::size_bytes});
    DOED_ASSERT(placed);
    std::vector<std::unique_ptr<emulator::Responder>> responders;
    responders.push_back(port.truth_.make_responder(port.faults_));
    auto instance = std::make_unique<emulator::DoeInstance>(
        port.plan_.device, std::move(responders), environment.now,
        [this](std::uint16_t message) { send_interrupt(message); }, port.faults_);
    port.instance_ = instance.get();
    return {.offset = port.plan_.offset, .instance = std::move(instance), .faults = port.faults_};
}

void SimDevice::remove(base::Duration time) {
    if (removed_) {
        return;
    }
    removed_ = true;
    ports_.front()->count(Interference::removal, "the function is pulled out");
    strand_.at(strands_.now() + time, [this] { put_back(); });
}

void SimDevice::put_back() {
    if (!std::exchange(removed_, false)) {
        return;
    }
    judge_.note("%s: the function is put back", ports_.front()->name_.c_str());
    for (const auto& port : ports_) {
        ++port->taints_;
        port->instance_->reset();
    }
}

void SimDevice::heal() {
    put_back();
    for (const auto& port : ports_) {
        port->heal();
    }
    // What the function's own script has taken away comes back, too.
    judge_.note("%s: sound from now on", ports_.front()->name_.c_str());
}

void SimDevice::send_interrupt(std::uint16_t message) {
    if (removed_) {
        return;
    }
    for (const auto& port : ports_) {
        if (port->plan_.device.interrupt_message == message) {
            port->send_interrupt();
        }
    }
}

// The device is never called by itself: who waits for its interrupts has to wake it when it has something to do.
void SimDevice::expect_event() {
    if (!interrupts_) {
        return;
    }
    const auto next = device_->next_event();
    if (!next || *next >= expected_event_ || *next == base::TimePoint::max()) {
        return;
    }
    expected_event_ = *next;
    strand_.at(*next, [this] {
        expected_event_ = base::TimePoint::max();
        device_->settle();
        expect_event();
    });
}

}  // namespace doed::sim
