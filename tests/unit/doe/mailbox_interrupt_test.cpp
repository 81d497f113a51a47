// SPDX-License-Identifier: Apache-2.0
//
// A mailbox that is woken by its device's interrupt: what it does when interrupts come, do not come, come late, or come
// for something else.
#include "mailbox_interrupt_fixture.hpp"

namespace doed::doe {
namespace {

// --- Interrupts that come ----------------------------------------------------------------------------------------------

TEST_F(AMailboxWithInterrupts, CompletesEveryExchangeByItsInterrupt) {
    claim_with_interrupts(7ms);
    EXPECT_EQ(mailbox_->status().completion, Completion::interrupt);
    read_table();
    EXPECT_GT(counters().exchanges, 7U);
    EXPECT_EQ(counters().interrupt_completions, counters().exchanges);
    EXPECT_EQ(counters().poll_completions, 0U);
    EXPECT_EQ(static_cast<std::uint64_t>(messages_), counters().exchanges);
}

TEST_F(AMailboxWithInterrupts, TellsOfThemFromTheFirstStatusOn) {
    claim_with_interrupts();
    EXPECT_THAT(completions_, testing::Each(Completion::interrupt));
}

TEST_F(AMailboxWithInterrupts, TakesAResponseTheMomentItIsReady) {
    claim_with_interrupts(7ms);
    const auto start = scheduler_.now();
    EXPECT_EQ(exchange_once()->when - start, 7ms);
}

TEST_F(AMailboxWithInterrupts, TakesAnInterruptThatComesWithinTheGoWrite) {
    deliver_ = [this] { ring(); };
    claim_with_interrupts();
    const auto start = scheduler_.now();
    read_table();
    EXPECT_EQ(scheduler_.now(), start);
    EXPECT_EQ(counters().interrupt_completions, counters().exchanges);
    EXPECT_EQ(counters().poll_completions, 0U);
}

TEST_F(AMailboxWithInterrupts, GetsTheFirstInterruptOfADeviceThatTakesGoBeforeInterruptEnable) {
    make_with_interrupts({});
    registers_->go_before_enable = true;
    mailbox_->start();
    ASSERT_TRUE(
        scheduler_.run_until([this] { return mailbox_->status().state == MailboxState::idle; }));
    EXPECT_EQ(counters().interrupt_completions, counters().exchanges);
    EXPECT_EQ(counters().poll_completions, 0U);
}

TEST_F(AMailboxWithInterrupts, IsPolledWhenItsInterruptIsNotArmed) {
    options_.interrupt = false;
    claim_with_interrupts(7ms);
    read_table();
    EXPECT_EQ(mailbox_->status().completion, Completion::poll);
    EXPECT_EQ(counters().poll_completions, counters().exchanges);
    EXPECT_EQ(messages_, 0);
    EXPECT_FALSE(interrupt_enabled());
}

// --- Interrupt Enable --------------------------------------------------------------------------------------------------

TEST_F(AMailboxWithInterrupts, SetsInterruptEnableOnlyOnceTheAbortOfTheClaimIsOver) {
    make_with_interrupts({}, 20ms);
    mailbox_->start();
    scheduler_.run_for(10ms);
    EXPECT_FALSE(interrupt_enabled());
    EXPECT_EQ(control_writes(), std::vector<std::uint32_t>{control_abort});
    ASSERT_TRUE(
        scheduler_.run_until([this] { return mailbox_->status().state == MailboxState::idle; }));
    ASSERT_GT(control_writes().size(), 2U);
    EXPECT_EQ(control_writes()[1], control_interrupt_enable);
    EXPECT_TRUE(interrupt_enabled());
}

TEST_F(AMailboxWithInterrupts, ClearsInterruptEnableWhenItIsClosed) {
    claim_with_interrupts();
    read_table();
    EXPECT_TRUE(interrupt_enabled());
    function_->writes.clear();
    close();
    EXPECT_FALSE(interrupt_enabled());
    EXPECT_EQ(control_writes(), std::vector<std::uint32_t>{0});
    const auto accesses = function_->accesses;
    ring();
    scheduler_.run_for(1min);
    EXPECT_EQ(function_->accesses, accesses);
}

TEST_F(AMailboxWithInterrupts, ClearsInterruptEnableAfterTheExchangeOnTheWireWhenItIsClosed) {
    claim_with_interrupts(30ms);
    const auto answer = submit_cdat();
    scheduler_.run_for(10ms);
    close();
    EXPECT_TRUE(answer->failed_with(Errc::cancelled));
    EXPECT_EQ(control_writes(),
              (std::vector<std::uint32_t>{control_go | control_interrupt_enable, 0}));
    EXPECT_FALSE(interrupt_enabled());
}

TEST_F(AMailboxWithInterrupts, ClosedBeforeItIsClaimedTouchesNothing) {
    make_with_interrupts({});
    close();
    EXPECT_EQ(function_->accesses, 0U);
}

// --- Interrupts that do not come ---------------------------------------------------------------------------------------

TEST_F(AMailboxWithInterrupts, FindsAResponseWhoseInterruptIsLostByTheSafetyPoll) {
    claim_with_interrupts(7ms);
    deliver_ = {};
    const auto start = scheduler_.now();
    EXPECT_EQ(exchange_once()->when - start, options_.safety_poll);
    EXPECT_EQ(counters().poll_completions, 1U);
    EXPECT_EQ(mailbox_->status().completion, Completion::interrupt);
    deliver_ = [this] { post_ring(); };
    const auto again = scheduler_.now();
    EXPECT_EQ(exchange_once()->when - again, 7ms);
    EXPECT_EQ(counters().poll_completions, 1U);
}

TEST_F(AMailboxWithInterrupts, IsPolledAfterThreeLosses) {
    claim_with_interrupts(7ms);
    deliver_ = {};
    exchange_once();
    exchange_once();
    EXPECT_EQ(mailbox_->status().completion, Completion::interrupt);
    exchange_once();
    EXPECT_EQ(mailbox_->status().completion, Completion::poll);
    EXPECT_EQ(counters().poll_completions, 3U);
    function_->writes.clear();
    const auto start = scheduler_.now();
    EXPECT_LT(exchange_once()->when - start, 15ms)
        << "the safety polls say nothing of how long a response takes";
    EXPECT_EQ(control_writes(), std::vector<std::uint32_t>{control_go});
    EXPECT_FALSE(interrupt_enabled());
}

TEST_F(AMailboxWithInterrupts, CountsLossesAlsoWithinOneOperation) {
    claim_with_interrupts(7ms);
    const auto claimed = counters();
    deliver_ = {};
    const auto start = scheduler_.now();
    read_table();
    EXPECT_EQ(mailbox_->status().completion, Completion::poll);
    EXPECT_EQ(counters().interrupt_completions, claimed.interrupt_completions);
    EXPECT_LT(scheduler_.now() - start, 3 * options_.safety_poll + 5 * 15ms);
}

TEST_F(AMailboxWithInterrupts, ClearsInterruptEnableWhenItIsClosedRightAfterTheThirdLoss) {
    claim_with_interrupts(7ms);
    deliver_ = {};
    exchange_once();
    exchange_once();
    exchange_once();
    ASSERT_EQ(mailbox_->status().completion, Completion::poll);
    ASSERT_TRUE(interrupt_enabled());
    close();
    EXPECT_FALSE(interrupt_enabled());
}

TEST_F(AMailboxWithInterrupts, TriesItsInterruptAgainAfterAReset) {
    claim_with_interrupts(7ms);
    deliver_ = {};
    exchange_once();
    exchange_once();
    exchange_once();
    ASSERT_EQ(mailbox_->status().completion, Completion::poll);
    deliver_ = [this] { post_ring(); };
    std::optional<base::Result<void>> reset;
    mailbox_->reset([&](base::Result<void> result) { reset = std::move(result); });
    ASSERT_TRUE(scheduler_.run_until([&] { return reset.has_value(); }));
    EXPECT_EQ(mailbox_->status().completion, Completion::interrupt);
    EXPECT_TRUE(interrupt_enabled());
    const auto before = counters();
    exchange_once();
    EXPECT_EQ(counters().interrupt_completions, before.interrupt_completions + 1);
    deliver_ = {};
    exchange_once();
    exchange_once();
    EXPECT_EQ(mailbox_->status().completion, Completion::interrupt);
    exchange_once();
    EXPECT_EQ(mailbox_->status().completion, Completion::poll);
}

/// Four exchanges, each found by the safety poll while its interrupt is on its way.
TEST_F(AMailboxWithInterrupts, DoesNotTakeALateInterruptForALostOne) {
    claim_with_interrupts(7ms);
    deliver_ = [this] { registers_->before_read = {reg::read_mailbox, [this] { post_ring(); }}; };
    for (int i = 0; i < 4; ++i) {
        const auto start = scheduler_.now();
        EXPECT_EQ(exchange_once()->when - start, options_.safety_poll);
    }
    EXPECT_EQ(counters().poll_completions, 4U);
    EXPECT_EQ(mailbox_->status().completion, Completion::interrupt);
}

// --- Interrupts for something else -------------------------------------------------------------------------------------

TEST_F(AMailboxWithInterrupts, IsNotDisturbedByAnInterruptWhileIdle) {
    claim_with_interrupts(7ms);
    const auto accesses = function_->accesses;
    ring();
    ring();
    scheduler_.run_for(1min);
    EXPECT_EQ(function_->accesses, accesses);
    const auto start = scheduler_.now();
    EXPECT_EQ(exchange_once()->when - start, 7ms);
    EXPECT_EQ(counters().poll_completions, 0U);
}

TEST_F(AMailboxWithInterrupts, DoesNotLookForAnInterruptThatCameBeforeTheExchange) {
    claim_with_interrupts(7ms);
    exchange_once();
    const auto usual = mailbox_->trace().back();
    ring();
    exchange_once();
    const auto after = mailbox_->trace().back();
    EXPECT_EQ(after.reads, usual.reads);
    EXPECT_EQ(after.writes, usual.writes);
}

TEST_F(AMailboxWithInterrupts, IsNotDisturbedByAnInterruptWhileStarting) {
    make_with_interrupts(7ms, 20ms);
    ring();
    mailbox_->start();
    ring();
    scheduler_.run_for(1ms);
    ASSERT_EQ(mailbox_->status().state, MailboxState::starting);
    const auto accesses = function_->accesses;
    ring();
    EXPECT_EQ(function_->accesses, accesses);
    ASSERT_TRUE(
        scheduler_.run_until([this] { return mailbox_->status().state == MailboxState::idle; }));
    EXPECT_EQ(counters().interrupt_completions, counters().exchanges);
}

TEST_F(AMailboxWithInterrupts, IsNotDisturbedByAnInterruptWhileAborting) {
    make_with_interrupts(7ms, 20ms);
    mailbox_->start();
    ASSERT_TRUE(
        scheduler_.run_until([this] { return mailbox_->status().state == MailboxState::idle; }));
    const auto before = counters();
    // A table type that is not defined is met with silence.
    const auto answer = submit(std::make_shared<OtherOperation>(protocol_table_access, 0x0100U));
    ASSERT_TRUE(scheduler_.run_until(
        [this] { return mailbox_->status().state == MailboxState::aborting; }));
    const auto accesses = function_->accesses;
    ring();
    EXPECT_EQ(function_->accesses, accesses);
    run_until_answered(answer);
    EXPECT_TRUE(answer->failed_with(Errc::timeout)) << answer->text();
    EXPECT_EQ(counters().interrupt_completions, before.interrupt_completions);
}

TEST_F(AMailboxWithInterrupts, LooksOnceForAnInterruptThatItSharesAndWaitsOn) {
    claim_with_interrupts(30ms);
    const auto start = scheduler_.now();
    const auto answer = submit(std::make_shared<OtherOperation>(protocol_table_access));
    scheduler_.run_for(10ms);
    const auto accesses = function_->accesses;
    ring();
    EXPECT_EQ(function_->accesses, accesses + 1);
    run_until_answered(answer);
    EXPECT_EQ(answer->when - start, 30ms);
    EXPECT_EQ(counters().poll_completions, 0U);
}

/// An interrupt that was not for this mailbox does not hide that the mailbox's own was lost.
TEST_F(AMailboxWithInterrupts, CountsALossAlsoWhenAnInterruptItSharesCame) {
    claim_with_interrupts(30ms);
    deliver_ = {};
    for (int i = 0; i < 3; ++i) {
        const auto answer = submit(std::make_shared<OtherOperation>(protocol_table_access));
        scheduler_.run_for(10ms);
        ring();
        run_until_answered(answer);
    }
    scheduler_.run_for(0s);
    EXPECT_EQ(mailbox_->status().completion, Completion::poll);
}

TEST_F(AMailboxWithInterrupts, ClearsAnInterruptStatusThatWouldSwallowTheResponsesInterrupt) {
    claim_with_interrupts(30ms);
    const auto start = scheduler_.now();
    const auto answer = submit(std::make_shared<OtherOperation>(protocol_table_access));
    scheduler_.run_for(10ms);
    registers_->other_interrupt = true;
    ring();
    EXPECT_FALSE(registers_->other_interrupt);
    run_until_answered(answer);
    EXPECT_EQ(answer->when - start, 30ms);
    EXPECT_EQ(counters().poll_completions, 0U);
}

TEST_F(AMailboxWithInterrupts, SeesAResponseThatBecomesReadyBetweenTheLookAndTheClear) {
    claim_with_interrupts(30ms);
    const auto start = scheduler_.now();
    const auto answer = submit(std::make_shared<OtherOperation>(protocol_table_access));
    scheduler_.run_for(10ms);
    registers_->other_interrupt = true;
    registers_->before_write = {reg::status, [this] { scheduler_.advance(25ms); }};
    ring();
    scheduler_.run_for(0s);
    ASSERT_EQ(answer->times, 1);
    EXPECT_TRUE(answer->succeeded()) << answer->text();
    EXPECT_EQ(answer->when - start, 35ms);
}

// --- Resets of the device ----------------------------------------------------------------------------------------------

class ADeviceReset : public AMailboxWithInterrupts {
protected:
    /// What a function reset leaves of the registers: no object, no Interrupt Enable.
    void reset_device() { function_->instance.write(reg::control, control_abort); }
};

TEST_F(ADeviceReset, WhileTheMailboxIsIdleIsNotNoticed) {
    claim_with_interrupts(7ms);
    reset_device();
    ASSERT_FALSE(interrupt_enabled());
    const auto start = scheduler_.now();
    EXPECT_EQ(exchange_once()->when - start, 7ms);
    EXPECT_TRUE(interrupt_enabled());
    EXPECT_EQ(counters().poll_completions, 0U);
}

TEST_F(ADeviceReset, CostsADeviceThatTakesGoFirstOneSafetyPoll) {
    claim_with_interrupts(7ms);
    registers_->go_before_enable = true;
    reset_device();
    exchange_once();
    EXPECT_TRUE(interrupt_enabled());
    exchange_once();
    exchange_once();
    EXPECT_LE(counters().poll_completions, 1U);
    EXPECT_EQ(mailbox_->status().completion, Completion::interrupt);
}

TEST_F(ADeviceReset, InMidExchangeEndsThatAndTheMailboxServesOnWithInterrupts) {
    claim_with_interrupts(30ms);
    const auto start = scheduler_.now();
    const auto hit = submit_cdat();
    scheduler_.run_for(10ms);
    reset_device();
    run_until_answered(hit);
    EXPECT_TRUE(hit->failed_with(Errc::timeout)) << hit->text();
    EXPECT_TRUE(interrupt_enabled());
    const auto before = counters();
    read_table();
    EXPECT_LT(scheduler_.now() - start, 3s);
    EXPECT_GT(counters().interrupt_completions, before.interrupt_completions);
    EXPECT_EQ(counters().poll_completions, 0U);
    EXPECT_EQ(mailbox_->status().completion, Completion::interrupt);
}

}  // namespace
}  // namespace doed::doe
