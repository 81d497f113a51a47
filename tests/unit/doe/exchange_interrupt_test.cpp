// SPDX-License-Identifier: Apache-2.0
//
// The exchange machine in interrupt mode, driven as a conversation.
#include "exchange_fixture.hpp"

namespace doed::doe {
namespace {

class AnInterruptExchange : public AnExchange {
protected:
    AnInterruptExchange() { setup_.interrupt = true; }

    void write_request() {
        expect_write(reg::write_mailbox, 0x00021E98);
        expect_write(reg::write_mailbox, 3);
        expect_write(reg::write_mailbox, request_[0]);
    }
    void send_with_interrupt() {
        write_request();
        expect_write(reg::status, status_interrupt);
        expect_write(reg::control, control_go | control_interrupt_enable);
    }
    void begin_and_send_with_interrupt() {
        begin();
        expect_read(reg::status, idle);
        send_with_interrupt();
    }
    void receive_two_dwords() {
        expect_read(reg::read_mailbox, 0x00021E98);
        expect_write(reg::read_mailbox, 0);
        expect_read(reg::read_mailbox, 4);
        expect_write(reg::read_mailbox, 0);
        expect_read(reg::read_mailbox, 0xFFFF0000);
        expect_write(reg::read_mailbox, 0);
        expect_read(reg::read_mailbox, 0xCAFEF00D);
        expect_read(reg::status, status_ready | status_interrupt);
        expect_write(reg::read_mailbox, 0);
        expect_read(reg::status, status_interrupt);
    }
    /// Abort without Interrupt Enable, and that alone once the mailbox is idle.
    void abort_and_enable() {
        expect_write(reg::control, control_abort);
        expect_read(reg::status, idle);
        expect_write(reg::control, control_interrupt_enable);
    }
};

TEST_F(AnInterruptExchange, ClearsTheStatusBeforeGoAndKeepsInterruptsEnabledWithIt) {
    begin();
    expect_read(reg::status, status_interrupt);
    write_request();
    EXPECT_EQ(next_, write(reg::status, status_interrupt));
    expect_write(reg::status, status_interrupt);
    EXPECT_EQ(next_, write(reg::control, control_go | control_interrupt_enable));
}

TEST_F(AnInterruptExchange, DoesNotLookBeforeItIsWoken) {
    begin_and_send_with_interrupt();
    expect_wait(Action::Reason::response, 1s, 3ms);
    expect_read(reg::status, status_ready | status_interrupt);
    EXPECT_EQ(exchange_->response_time(), 3ms);
    EXPECT_EQ(next_, read(reg::read_mailbox));
}

TEST_F(AnInterruptExchange, MakesOneAccessMoreThanAPolledOne) {
    begin_and_send_with_interrupt();
    expect_wait(Action::Reason::response, 1s, 3ms);
    expect_read(reg::status, status_ready | status_interrupt);
    receive_two_dwords();
    expect_done();
    EXPECT_TRUE(exchange_->outcome().has_value());
    EXPECT_EQ(accesses_, 9 + 2 * 4);
}

TEST_F(AnInterruptExchange, WaitsOnWhenItIsWokenTooEarly) {
    begin_and_send_with_interrupt();
    expect_wait(Action::Reason::response, 1s, 3ms);
    expect_read(reg::status, idle);
    expect_wait(Action::Reason::response, 997ms, 4ms);
    expect_read(reg::status, status_ready | status_interrupt);
    EXPECT_EQ(next_, read(reg::read_mailbox));
}

TEST_F(AnInterruptExchange, ClearsAnInterruptThatWasNotForItAndLooksAgain) {
    begin_and_send_with_interrupt();
    expect_wait(Action::Reason::response, 1s, 3ms);
    expect_read(reg::status, status_interrupt);
    expect_write(reg::status, status_interrupt);
    expect_read(reg::status, idle);
    expect_wait(Action::Reason::response, 997ms, 4ms);
    expect_read(reg::status, status_ready | status_interrupt);
    EXPECT_EQ(next_, read(reg::read_mailbox));
}

TEST_F(AnInterruptExchange, SeesAResponseThatBecameReadyBeforeTheClear) {
    begin_and_send_with_interrupt();
    expect_wait(Action::Reason::response, 1s, 3ms);
    expect_read(reg::status, status_interrupt);
    expect_write(reg::status, status_interrupt);
    expect_read(reg::status, status_ready);
    receive_two_dwords();
    expect_done();
    EXPECT_TRUE(exchange_->outcome().has_value());
}

TEST_F(AnInterruptExchange, DoesNotGoRoundInCirclesWhenTheInterruptStaysSet) {
    begin_and_send_with_interrupt();
    expect_wait(Action::Reason::response, 1s, 3ms);
    expect_read(reg::status, status_interrupt);
    expect_write(reg::status, status_interrupt);
    expect_read(reg::status, status_interrupt);
    expect_wait(Action::Reason::response, 997ms, 1ms);
}

TEST_F(AnInterruptExchange, LooksAtErrorBeforeItClearsTheInterrupt) {
    begin_and_send_with_interrupt();
    expect_wait(Action::Reason::response, 1s, 3ms);
    expect_read(reg::status, status_interrupt | status_error);
    abort_and_enable();
    expect_failed(Errc::device_error);
}

TEST_F(AnInterruptExchange, TimesOutWithTheInterruptSet) {
    begin_and_send_with_interrupt();
    expect_wait(Action::Reason::response, 1s, 1s);
    expect_read(reg::status, status_interrupt);
    abort_and_enable();
    expect_failed(Errc::timeout);
}

TEST_F(AnInterruptExchange, SetsInterruptEnableAloneAfterAnAbortAndThenSends) {
    begin();
    expect_read(reg::status, status_ready);
    abort_and_enable();
    send_with_interrupt();
    EXPECT_TRUE(exchange_->aborted());
}

TEST_F(AnInterruptExchange, ThatOnlyAbortsSetsInterruptEnableLast) {
    begin_claim();
    expect_write(reg::control, control_abort);
    expect_read(reg::status, status_busy);
    expect_wait(Action::Reason::abort, 1s, 5ms);
    expect_read(reg::status, idle);
    expect_write(reg::control, control_interrupt_enable);
    expect_done();
    EXPECT_TRUE(exchange_->outcome().has_value());
}

TEST_F(AnInterruptExchange, ThatCannotAbortLeavesInterruptEnableClear) {
    begin_claim();
    expect_write(reg::control, control_abort);
    expect_read(reg::status, status_busy);
    expect_wait(Action::Reason::abort, 1s, 1s);
    expect_read(reg::status, status_busy);
    expect_failed(Errc::dead);
}

TEST_F(AnInterruptExchange, KeepsUnknownControlBits) {
    begin_claim(0x4);
    expect_write(reg::control, control_abort | 0x4);
    expect_read(reg::status, idle);
    expect_write(reg::control, control_interrupt_enable | 0x4);
    setup_.control_preserved = exchange_->control_preserved();
    begin(idle);
    write_request();
    expect_write(reg::status, status_interrupt);
    expect_write(reg::control, control_go | control_interrupt_enable | 0x4);
}

TEST_F(AnInterruptExchange, GivenUpWhileItsInterruptIsEnabledIsSeenThrough) {
    begin_claim();
    expect_write(reg::control, control_abort);
    expect_read(reg::status, idle);
    exchange_->abandon();
    expect_write(reg::control, control_interrupt_enable);
    expect_done();
}

TEST_F(AnInterruptExchange, AbortsOnceMoreWhenInterruptEnableCannotBeSet) {
    begin_claim();
    abort_cleanly();
    expect_access_fails(Errc::io);
    abort_cleanly();
    expect_write(reg::control, control_interrupt_enable);
    expect_done();
    EXPECT_TRUE(exchange_->outcome());
}

TEST_F(AnInterruptExchange, NeedsAnAbortWhenInterruptEnableCannotBeSetAtAll) {
    begin_claim();
    abort_cleanly();
    expect_access_fails(Errc::io);
    abort_cleanly();
    expect_access_fails(Errc::io);
    expect_failed(Errc::io);
    EXPECT_TRUE(exchange_->mailbox_dead());
}

}  // namespace
}  // namespace doed::doe
