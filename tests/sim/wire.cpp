// SPDX-License-Identifier: Apache-2.0
#include "sim/wire.hpp"

#include "doe/data_object.hpp"

#include <algorithm>

namespace doed::sim {

namespace {

RulesSetup rules_setup(const PortPlan& plan, const doe::AllowList& allowed) {
    return {.capability_offset = plan.offset,
            .timeout = plan.mailbox.exchange_timeout,
            .poll_floor = plan.mailbox.poll.floor,
            .max_discovery_dw = allowed.find(doe::protocol_discovery)->max_response_dw,
            .max_table_access_dw = allowed.find(doe::protocol_table_access)->max_response_dw};
}

}  // namespace

Wire::Wire(Port& port, const test::SimStrands& strands, Judge& judge, const doe::AllowList& allowed)
    : port_(port), strands_(strands), judge_(judge), rules_(rules_setup(port.plan(), allowed)) {}

// --- Accesses ------------------------------------------------------------------------------------------------------------

base::Result<std::uint32_t> Wire::read32(std::uint16_t offset) {
    judge_access(offset, false, 0);
    ++reads_;
    const Instant begun = last_access_ = instant();
    if (offset == port_.plan().offset + status_register) {
        taints_before_look_ = port_.taints();
    }
    auto value = port_.read32(offset);
    last_access_failed_ = !value;
    if (!value) {
        note("read failed", offset, 0);
        rules_.failed(value.error().code() == base::Errc::device_gone);
        return value;
    }
    note("read", offset, *value);
    if (told_taken_) {
        may_abort_ = *value != nobody_answers && (*value & error_bit) != 0;
        return value;
    }
    judge(rules_.read(offset, *value, begun));
    if (offset == port_.plan().offset + read_register) {
        response_.push_back(*value);
    }
    return value;
}

base::Result<void> Wire::write32(std::uint16_t offset, std::uint32_t value) {
    judge_access(offset, true, value);
    ++writes_;
    const Instant begun = last_access_ = instant();
    const std::uint64_t answers = port_.truth().answers();
    const auto written = port_.write32(offset, value);
    last_access_failed_ = !written;
    if (!written) {
        note("write failed", offset, value);
        rules_.failed(written.error().code() == base::Errc::device_gone);
        return written;
    }
    note("write", offset, value);
    if (told_taken_) {
        return written;
    }
    if (offset == port_.plan().offset + write_register) {
        if (rules_.phase() != RegisterRules::Phase::sending) {
            judge(turns_.sends());
            request_.clear();
            taints_ = taints_before_look_;
        }
        request_.push_back(value);
    }
    judge(rules_.write(offset, value, begun));
    if (offset == port_.plan().offset + control_register && (value & go_bit) != 0) {
        response_.clear();
        answer_ = port_.truth().answers() == answers ? 0 : port_.truth().answers();
    }
    return written;
}

void Wire::judge_access(std::uint16_t offset, bool write, std::uint32_t value) {
    if (closed_) {
        judge(Breach{"no-access-after-close", "an access by a mailbox that was given up"});
    }
    // What is done last, when nothing is in use any more, is that interrupts are switched off.
    const bool disarms = write && offset == port_.plan().offset + control_register &&
                         (value & (go_bit | abort_bit | interrupt_enable_bit)) == 0;
    judge_taken(offset, write, value, !in_use_ && disarms);
    if (!in_use_ && !disarms) {
        judge(Breach{"in-use-while-accessed", "an access to a function that may sleep"});
    }
}

void Wire::judge_taken(std::uint16_t offset, bool write, std::uint32_t value, bool disarms) {
    if (!taken_ || disarms) {
        return;
    }
    const auto register_offset = offset - port_.plan().offset;
    const bool looks = !write && register_offset == status_register;
    const bool aborts = write && register_offset == control_register &&
                        (value & (abort_bit | go_bit | interrupt_enable_bit)) == abort_bit;
    if (!told_taken_ || !((looks && std::exchange(may_look_, false)) ||
                          (aborts && std::exchange(may_abort_, false)))) {
        judge(Breach{"no-access-when-taken", "an access to what the kernel has taken"});
    }
}

base::Result<void> Wire::confirm_claim() {
    if (!taken_) {
        return {};
    }
    if (!told_taken_) {
        judge_.note("%s: hears that the kernel has it", port_.name().c_str());
        told_taken_ = instant();
        may_look_ = !may_tidy_up_;
        may_abort_ = may_tidy_up_;
    }
    return base::fail(base::Errc::kernel_owned, "taken");
}

void Wire::begin_use() {
    if (std::exchange(in_use_, true)) {
        judge(Breach{"in-use-while-accessed", "in use twice"});
    }
}

void Wire::end_use() {
    if (!std::exchange(in_use_, false)) {
        judge(Breach{"in-use-while-accessed", "the end of a use that was not begun"});
    }
    if (rules_.in_flight() && rules_.phase() != RegisterRules::Phase::gone && !told_taken_) {
        judge(Breach{"in-use-while-accessed", "the end of the use in the middle of an exchange"});
    }
}

// --- Operations ----------------------------------------------------------------------------------------------------------

void Wire::operation_begins(const doe::Operation& operation) {
    operation_ = &operation;
    judge(turns_.begins(operation));
}

bool Wire::operation_consumes(const doe::Operation& operation,
                              std::span<const std::uint32_t> payload) {
    if (operation_ != &operation) {
        judge(Breach{"no-answer-of-others", "a response for an operation that is not running"});
        return false;
    }
    const auto body = [](const std::vector<std::uint32_t>& object) {
        return std::span(object).subspan(std::min<std::size_t>(object.size(), 2));
    };
    if (!std::ranges::equal(body(request_), operation.request())) {
        judge(
            Breach{"no-answer-of-others", "a response to a request that was not the operation's"});
    }
    if (!std::ranges::equal(body(response_), payload)) {
        judge(Breach{"no-answer-of-others", "a response that is not what was read"});
    }
    if (port_.taints() != taints_) {
        return false;
    }
    if (!answered_truly(payload)) {
        judge(Breach{"no-answer-of-others",
                     "a response that the device did not make to this request"});
    }
    return true;
}

bool Wire::answered_truly(std::span<const std::uint32_t> payload) {
    if (doe::decode_header1(request_[0]) == doe::protocol_discovery) {
        const auto made = port_.truth().discovery(std::span(request_).subspan(2));
        return made && std::ranges::equal(*made, payload);
    }
    return answer_ != 0 && answer_ == port_.truth().answers() &&
           std::ranges::equal(port_.truth().answer(), payload);
}

void Wire::mailbox_rests() {
    turns_.rests();
    judge(rules_.come_to_rest());
}

void Wire::mailbox_ends() {
    turns_.rests();
    turns_.reset_is_over();
    judge(rules_.come_to_end());
}

void Wire::judge(const std::optional<Breach>& breach) {
    if (breach) {
        judge_.breach(breach->rule, port_.name(), breach->what);
    }
}

void Wire::note(const char* what, std::uint16_t offset, std::uint32_t value) {
    if (!judge_.listens()) {
        return;
    }
    static constexpr const char* names[] = {"Command", "Control", "Status", "Write", "Read"};
    const auto in_capability = offset - port_.plan().offset;
    const auto index = offset == command_register ? 0 : (in_capability - control_register) / 4 + 1;
    judge_.note("%s: %s %s 0x%08x", port_.name().c_str(), what,
                index >= 0 && index < 5 ? names[index] : "?", value);
}

}  // namespace doed::sim
