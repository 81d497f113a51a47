// SPDX-License-Identifier: Apache-2.0
//
// The exchange machine in a conversation: what it must ask for, and what it is told then.
#pragma once

#include "doe/data_object.hpp"
#include "doe/exchange.hpp"
#include "doe/registers.hpp"

#include <optional>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

namespace doed::doe {

// For failure messages.
inline void PrintTo(const Action& action, std::ostream* out) {
    static constexpr const char* kinds[] = {"read", "write", "wait", "done"};
    *out << kinds[static_cast<int>(action.kind)] << " offset 0x" << std::hex << action.offset
         << " value 0x" << action.value << std::dec << " reason " << static_cast<int>(action.reason)
         << " deadline " << action.deadline.time_since_epoch().count();
}

using namespace std::chrono_literals;
using base::Errc;

inline constexpr std::uint16_t cap = 0x190;
inline constexpr std::uint32_t idle = 0;
inline constexpr Protocol cdat = protocol_table_access;

class AnExchange : public testing::Test {
protected:
    static Action read(std::uint16_t reg) {
        return {.kind = Action::Kind::read, .offset = static_cast<std::uint16_t>(cap + reg)};
    }
    static Action write(std::uint16_t reg, std::uint32_t value) {
        return {.kind = Action::Kind::write,
                .offset = static_cast<std::uint16_t>(cap + reg),
                .value = value};
    }
    static Action wait(Action::Reason reason, base::TimePoint deadline) {
        return {.kind = Action::Kind::wait, .reason = reason, .deadline = deadline};
    }
    static Action done() { return {.kind = Action::Kind::done}; }
    static Action read_command() { return {.kind = Action::Kind::read, .offset = 4}; }

    void begin(std::optional<std::uint32_t> known_status = std::nullopt,
               std::uint32_t max_response_dw = 16) {
        exchange_.emplace(setup_, cdat, request_, max_response_dw, response_, known_status);
        next_ = exchange_->resume(Event::start(), now_);
    }
    void begin_claim(std::uint32_t control = 0) {
        exchange_.emplace(Exchange::abort_only(setup_));
        next_ = exchange_->resume(Event::start(), now_);
        expect_read(reg::control, control);
    }

    // Each step: the action that must have been asked for, then the event it leads to.
    void expect_read(std::uint16_t reg, std::uint32_t value) {
        EXPECT_EQ(next_, read(reg)) << "before access " << accesses_;
        ++accesses_;
        next_ = exchange_->resume(Event::read(value), now_);
    }
    void expect_write(std::uint16_t reg, std::uint32_t value) {
        EXPECT_EQ(next_, write(reg, value)) << "before access " << accesses_;
        ++accesses_;
        next_ = exchange_->resume(Event::written(), now_);
    }
    void expect_wait(Action::Reason reason, base::Duration deadline_from_now,
                     base::Duration slept) {
        EXPECT_EQ(next_, wait(reason, now_ + deadline_from_now));
        now_ += slept;
        next_ = exchange_->resume(Event::wake(), now_);
    }
    void expect_command(std::uint32_t value) {
        EXPECT_EQ(next_, read_command());
        next_ = exchange_->resume(Event::read(value), now_);
    }
    void expect_access_fails(Errc code) {
        const base::Error error(code);
        next_ = exchange_->resume(Event::failed(error), now_);
    }
    void expect_done() { EXPECT_EQ(next_, done()); }
    void expect_failed(Errc code) {
        expect_done();
        ASSERT_FALSE(exchange_->outcome().has_value());
        EXPECT_EQ(exchange_->outcome().error().code(), code)
            << exchange_->outcome().error().message();
    }

    void send() {
        expect_write(reg::write_mailbox, 0x00021E98);
        expect_write(reg::write_mailbox, 3);
        expect_write(reg::write_mailbox, request_[0]);
        expect_write(reg::control, control_go);
    }
    void begin_and_send() {
        begin();
        expect_read(reg::status, idle);
        send();
    }
    void abort_cleanly() {
        expect_write(reg::control, control_abort);
        expect_read(reg::status, idle);
    }

    ExchangeSetup setup_{.capability_offset = cap};
    std::vector<std::uint32_t> request_{0x00010000};
    std::vector<std::uint32_t> response_;
    std::optional<Exchange> exchange_;
    base::TimePoint now_{1h};
    Action next_;
    int accesses_ = 0;
};

}  // namespace doed::doe
