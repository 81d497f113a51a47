// SPDX-License-Identifier: Apache-2.0
//
// A mailbox over an emulated DOE instance whose interrupt messages reach it, or meet what a test has in store for them.
#pragma once

#include "mailbox_fixture.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace doed::doe {

/// Between the mailbox and the registers: gives the device's own events their time, and the tests a hand in each access.
class InterruptingConfigSpace final : public pci::ConfigSpace {
public:
    InterruptingConfigSpace(DoeFunction& function, base::Scheduler& scheduler)
        : registers_(function), function_(function), scheduler_(scheduler) {}

    base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        run(before_read, offset);
        auto value = registers_.read32(offset);
        if (value && offset == DoeFunction::offset + reg::status && other_interrupt) {
            *value |= status_interrupt;
        }
        expect_event();
        return value;
    }
    base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        run(before_write, offset);
        if (offset == DoeFunction::offset + reg::status && (value & status_interrupt) != 0) {
            other_interrupt = false;
        }
        const auto control = static_cast<std::uint16_t>(DoeFunction::offset + reg::control);
        if (go_before_enable && offset == control && (value & control_go) != 0) {
            const auto enabled = function_.instance.read(reg::control) & control_interrupt_enable;
            static_cast<void>(registers_.write32(offset, control_go | enabled));
            value &= ~control_go;
        }
        const auto written = registers_.write32(offset, value);
        expect_event();
        return written;
    }

    bool other_interrupt = false;   ///< Interrupt Status is set for something else than a response
    bool go_before_enable = false;  ///< GO counts before Interrupt Enable of the same write
    /// Called once, before the next access to this register.
    std::pair<std::uint16_t, std::function<void()>> before_read;
    std::pair<std::uint16_t, std::function<void()>> before_write;

private:
    static void run(std::pair<std::uint16_t, std::function<void()>>& hook, std::uint16_t offset) {
        if (hook.second && offset == DoeFunction::offset + hook.first) {
            std::exchange(hook.second, {})();
        }
    }
    void expect_event() {
        if (const auto next = function_.instance.next_event()) {
            scheduler_.at(*next, [this] { function_.instance.settle(); });
        }
    }

    DoeFunctionConfigSpace registers_;
    DoeFunction& function_;
    base::Scheduler& scheduler_;
};

class AMailboxWithInterrupts : public AMailbox {
protected:
    AMailboxWithInterrupts() { options_.interrupt = true; }

    void make_with_interrupts(base::Duration response_time, base::Duration abort_time = {}) {
        std::vector<std::unique_ptr<emulator::Responder>> responders;
        responders.push_back(std::make_unique<emulator::TableAccessResponder>(table_));
        emulator::DoeInstanceOptions options;
        options.response_time = {response_time, response_time};
        options.abort_time = abort_time;
        function_.reset(
            new DoeFunction{.instance = emulator::DoeInstance(
                                options, std::move(responders), [this] { return scheduler_.now(); },
                                [this](std::uint16_t) {
                                    ++messages_;
                                    if (deliver_ && !registers_->other_interrupt) {
                                        deliver_();
                                    }
                                })});
        auto registers = std::make_unique<InterruptingConfigSpace>(*function_, scheduler_);
        registers_ = registers.get();
        mailbox_.emplace(scheduler_, std::move(registers), pci::Address{.bus = 0x0D},
                         pci::DoeCapability{DoeFunction::offset, 1}, options_, allowed_,
                         [this](const MailboxStatus& status) {
                             states_.push_back(status.state);
                             completions_.push_back(status.completion);
                         });
    }
    void claim_with_interrupts(base::Duration response_time = {}) {
        make_with_interrupts(response_time);
        mailbox_->start();
        ASSERT_TRUE(scheduler_.run_until(
            [this] { return mailbox_->status().state == MailboxState::idle; }));
        scheduler_.run_for(0s);
        function_->writes.clear();
    }
    void ring() { mailbox_->on_interrupt(); }
    /// As it arrives in fact: in a turn of its own.
    void post_ring() {
        scheduler_.post([this] { ring(); });
    }
    [[nodiscard]] const MailboxCounters& counters() const { return mailbox_->status().counters; }
    /// One exchange, from now to its answer.
    std::shared_ptr<Answer> exchange_once() {
        auto answer = submit(std::make_shared<OtherOperation>(protocol_table_access));
        run_until_answered(answer);
        EXPECT_TRUE(answer->succeeded()) << answer->text();
        scheduler_.run_for(0s);
        return answer;
    }
    void read_table() {
        const auto answer = submit_cdat();
        run_until_answered(answer);
        EXPECT_TRUE(answer->succeeded()) << answer->text();
        scheduler_.run_for(0s);
    }
    void close() {
        bool closed = false;
        mailbox_->close(Errc::cancelled, [&] { closed = true; });
        ASSERT_TRUE(scheduler_.run_until([&] { return closed; }));
    }
    [[nodiscard]] bool interrupt_enabled() {
        return (function_->instance.read(reg::control) & control_interrupt_enable) != 0;
    }
    [[nodiscard]] std::vector<std::uint32_t> control_writes() const {
        std::vector<std::uint32_t> values;
        for (const auto& [offset, value] : function_->writes) {
            if (offset == reg::control) {
                values.push_back(value);
            }
        }
        return values;
    }

    InterruptingConfigSpace* registers_ = nullptr;
    /// What becomes of a message; nothing means that it is lost.
    std::function<void()> deliver_ = [this] { post_ring(); };
    int messages_ = 0;                     ///< sent by the device
    std::vector<Completion> completions_;  ///< as told with each status
};

}  // namespace doed::doe
