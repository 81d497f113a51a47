// SPDX-License-Identifier: Apache-2.0
//
// The production Mailbox over an emulated DOE instance on a virtual clock, with the disturbances that the tests need.
#pragma once

#include "cdat/table_access.hpp"
#include "cdat/table_builder.hpp"
#include "doe/mailbox.hpp"
#include "doe/registers.hpp"
#include "emulator/doe_instance.hpp"
#include "emulator/faults/fault_injector.hpp"
#include "emulator/protocols/table_access_responder.hpp"
#include "support/sim_scheduler.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::doe {

using namespace std::chrono_literals;
using base::Errc;

/// A function whose config space holds nothing but a Command register and one DOE instance.
struct DoeFunction {
    static constexpr std::uint16_t offset = 0x190;

    emulator::DoeInstance instance;
    bool gone = false;
    std::optional<Errc> write_error;  ///< what writes fail with
    bool taken = false;               ///< the kernel's, by what confirm_claim() says
    bool arrived = false;             ///< and may_tidy_up() that it uses it
    std::function<void()> before_read;
    std::function<void(std::uint16_t register_offset, std::uint32_t value)> after_write;
    std::optional<std::uint32_t>
        stuck_status;                ///< what the status register reads as, whatever happens
    std::uint32_t control_bits = 0;  ///< what else the control register shows
    std::uint64_t accesses = 0;
    bool held = false;                                            ///< there is a handle on it
    std::vector<std::pair<std::uint16_t, std::uint32_t>> writes;  ///< register offset and value
};

class DoeFunctionConfigSpace final : public pci::ConfigSpace {
public:
    explicit DoeFunctionConfigSpace(DoeFunction& function) : function_(function) {
        function_.held = true;
    }
    ~DoeFunctionConfigSpace() override { function_.held = false; }

    base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        ++function_.accesses;
        if (function_.before_read) {
            function_.before_read();
        }
        if (function_.gone) {
            return pci::all_ones;
        }
        if (offset == reg::function_command) {
            return 0x00100406U;
        }
        const auto register_offset = static_cast<std::uint16_t>(offset - DoeFunction::offset);
        std::uint32_t value = function_.instance.read(register_offset);
        if (register_offset == reg::control) {
            value |= function_.control_bits;
        }
        return register_offset == reg::status ? function_.stuck_status.value_or(value) : value;
    }
    base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        ++function_.accesses;
        if (function_.write_error) {
            return base::fail(*function_.write_error, "config");
        }
        const auto register_offset = static_cast<std::uint16_t>(offset - DoeFunction::offset);
        function_.writes.emplace_back(register_offset, value);
        if (!function_.gone) {
            function_.instance.write(register_offset, value);
        }
        if (function_.after_write) {
            function_.after_write(register_offset, value);
        }
        return {};
    }
    bool may_tidy_up() override { return !function_.arrived; }
    base::Result<void> confirm_claim() override {
        if (function_.taken) {
            return base::fail(Errc::kernel_owned, "driver cxl_pci has been bound to the device");
        }
        return {};
    }

private:
    DoeFunction& function_;
};

class AMailbox : public testing::Test {
protected:
    using Outcome = base::Result<std::shared_ptr<const Operation>>;
    struct Answer {
        std::optional<Outcome> outcome;
        base::TimePoint when{};
        int times = 0;

        [[nodiscard]] bool failed_with(Errc code) const {
            return outcome && !outcome->has_value() && outcome->error().code() == code;
        }
        [[nodiscard]] bool succeeded() const { return outcome && outcome->has_value(); }
        [[nodiscard]] std::string text() const {
            return !outcome               ? "no answer"
                   : outcome->has_value() ? "ok"
                                          : outcome->error().message();
        }
    };

    void make(base::Duration response_time = {}) { make({response_time, response_time}); }
    void make(emulator::ResponseTimeRange response_time) {
        std::vector<std::unique_ptr<emulator::Responder>> responders;
        responders.push_back(std::make_unique<emulator::TableAccessResponder>(table_));
        emulator::DoeInstanceOptions options;
        options.response_time = response_time;
        function_.reset(new DoeFunction{.instance = emulator::DoeInstance(
                                            options, std::move(responders),
                                            [this] { return scheduler_.device_time(); }, {},
                                            std::make_shared<emulator::FaultInjector>(
                                                emulator::FaultScript{.rules = faults_, .seed = 1},
                                                [this] { return scheduler_.device_time(); }))});
        mailbox_.emplace(
            scheduler_, std::make_unique<DoeFunctionConfigSpace>(*function_),
            pci::Address{.bus = 0x0D}, pci::DoeCapability{DoeFunction::offset, 1}, options_,
            allowed_, [this](const MailboxStatus& status) {
                states_.push_back(status.state);
                if (status.failure && (failures_.empty() || failures_.back() != status.failure)) {
                    failures_.push_back(status.failure);
                }
            });
    }
    void claim(base::Duration response_time = {}) { claim({response_time, response_time}); }
    void claim(emulator::ResponseTimeRange response_time) {
        make(response_time);
        mailbox_->start();
        ASSERT_TRUE(scheduler_.run_until(
            [this] { return mailbox_->status().state == MailboxState::idle; }));
        scheduler_.run_for(0s);
    }

    /// Submits and remembers the answer; the tests look at it later.
    std::shared_ptr<Answer> submit(std::shared_ptr<Operation> operation,
                                   base::Duration deadline = 30s, std::uint32_t uid = 0) {
        auto answer = std::make_shared<Answer>();
        Submission submission;
        submission.operation = std::move(operation);
        submission.deadline = scheduler_.now() + deadline;
        submission.uid = uid;
        submission.completion = [this, answer](Outcome outcome) {
            answer->outcome = std::move(outcome);
            answer->when = scheduler_.now();
            ++answer->times;
            order_.push_back(answer);
        };
        last_ticket_ = mailbox_->submit(std::move(submission));
        return answer;
    }
    std::shared_ptr<Answer> submit_cdat(base::Duration deadline = 30s, std::uint32_t uid = 0) {
        return submit(std::make_shared<cdat::TableAccessOperation>(), deadline, uid);
    }
    void run_until_answered(const std::shared_ptr<Answer>& answer) {
        ASSERT_TRUE(scheduler_.run_until([&] { return answer->times > 0; }));
    }

    test::SimScheduler scheduler_;
    std::vector<std::uint8_t> table_ = cdat::default_endpoint_table(256U << 20);
    MailboxOptions options_;
    AllowList allowed_;
    std::vector<emulator::FaultRule> faults_;  ///< of the device
    std::unique_ptr<DoeFunction> function_;
    std::optional<Mailbox> mailbox_;
    std::vector<MailboxState> states_;
    std::vector<std::shared_ptr<const ExchangeFailure>> failures_;
    std::vector<std::shared_ptr<Answer>> order_;  ///< as they were answered
    Ticket last_ticket_ = 0;
};

/// An operation of a protocol of the test's choice that sends one dword once.
class OtherOperation final : public Operation {
public:
    explicit OtherOperation(Protocol protocol, std::uint32_t dword = 0)
        : protocol_(protocol), request_{dword} {}

    [[nodiscard]] Protocol protocol() const noexcept override { return protocol_; }
    [[nodiscard]] base::Result<Step> start() override { return Step::send; }
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t>) override {
        return Step::finished;
    }
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
        return request_;
    }

private:
    Protocol protocol_;
    std::vector<std::uint32_t> request_;
};

}  // namespace doed::doe
