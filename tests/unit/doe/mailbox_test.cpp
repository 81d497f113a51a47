// SPDX-License-Identifier: Apache-2.0
//
// Claiming a mailbox, running operations on it, and its life from start to close.
#include "mailbox_fixture.hpp"

#include <algorithm>

namespace doed::doe {
namespace {

TEST_F(AMailbox, AsksAgainWhenOneAnswerWasGivenForAnother) {
    faults_ = {emulator::FaultRule::at(emulator::FaultKind::early_ready, 2)};
    claim();
    EXPECT_EQ(mailbox_->status().features,
              (std::vector{protocol_discovery, protocol_table_access}));
    EXPECT_EQ(mailbox_->status().counters.exchanges, 2U + 2U);
}

TEST_F(AMailbox, BelievesADoubtfulListTheSecondTime) {
    faults_ = {emulator::FaultRule::at(emulator::FaultKind::early_ready, 2),
               emulator::FaultRule::at(emulator::FaultKind::early_ready, 4)};
    claim();
    EXPECT_EQ(mailbox_->status().features, std::vector{protocol_discovery});
    EXPECT_EQ(mailbox_->status().counters.exchanges, 2U + 2U);
}

TEST_F(AMailbox, LearnsFromEveryDiscovery) {
    faults_ = {emulator::FaultRule::at(emulator::FaultKind::early_ready, 2),
               emulator::FaultRule::at(emulator::FaultKind::early_ready, 4),
               emulator::FaultRule::at(emulator::FaultKind::early_ready, 8)};
    claim();
    ASSERT_TRUE(submit_cdat()->failed_with(Errc::not_supported));
    for (int i = 0; i < 2; ++i) {
        run_until_answered(submit(std::make_shared<DiscoveryOperation>(std::uint8_t{1})));
        EXPECT_EQ(mailbox_->status().features,
                  (std::vector{protocol_discovery, protocol_table_access}))
            << "a doubtful list takes nothing away";
    }
    const auto read = submit_cdat();
    run_until_answered(read);
    EXPECT_TRUE(read->succeeded()) << read->text();
}

TEST_F(AMailbox, AbortsAndDiscoversWhenItIsClaimed) {
    claim();
    ASSERT_FALSE(function_->writes.empty());
    EXPECT_EQ(function_->writes.front(), std::pair(reg::control, control_abort));
    EXPECT_EQ(mailbox_->status().features,
              (std::vector{protocol_discovery, protocol_table_access}));
    EXPECT_EQ(mailbox_->status().counters.exchanges, 2U);
    EXPECT_EQ(mailbox_->status().counters.aborts, 1U);
    EXPECT_EQ(states_, (std::vector{MailboxState::starting, MailboxState::idle}));
}

TEST_F(AMailbox, KeepsTheControlBitsThatItFoundWhenItWasClaimed) {
    make();
    function_->control_bits = 0x4;
    mailbox_->start();
    run_until_answered(submit_cdat());
    std::size_t control_writes = 0;
    for (const auto& [offset, value] : function_->writes) {
        if (offset == reg::control) {
            EXPECT_EQ(value & ~(control_abort | control_go), 0x4U);
            ++control_writes;
        }
    }
    EXPECT_EQ(control_writes, 1U + 2U + 7U);
}

TEST_F(AMailbox, ReadsTheDefaultTableInAtMost172Accesses) {
    claim();
    const auto before = function_->accesses;
    const auto answer = submit_cdat();
    run_until_answered(answer);
    ASSERT_TRUE(answer->succeeded()) << answer->text();
    const auto& operation =
        static_cast<const cdat::TableAccessOperation&>(**answer->outcome.value());
    EXPECT_EQ(operation.table().bytes(), table_);
    EXPECT_EQ(table_.size(), 160U);
    EXPECT_LE(function_->accesses - before, 172U);
    // The counter in the seam sees what the device sees.
    const auto& counters = mailbox_->status().counters;
    EXPECT_EQ(counters.config_reads + counters.config_writes, function_->accesses);
}

TEST_F(AMailbox, WaitsForASlowDeviceWithoutTakingMoreThanATenthLonger) {
    claim(20ms);
    const auto start = scheduler_.now();
    const auto answer = submit_cdat();
    run_until_answered(answer);
    ASSERT_TRUE(answer->succeeded()) << answer->text();
    EXPECT_GE(answer->when - start, 7 * 20ms);
    EXPECT_LE(answer->when - start, 7 * 22ms);
}

TEST_F(AMailbox, RefusesAProtocolThatIsNotAllowedEvenWhenTheDeviceOffersIt) {
    claim();
    const auto before = function_->accesses;
    const auto answer = submit(std::make_shared<OtherOperation>(protocol_cma_spdm));
    EXPECT_TRUE(answer->failed_with(Errc::not_allowed)) << answer->text();
    EXPECT_EQ(last_ticket_, 0U);
    EXPECT_TRUE(scheduler_.idle());
    EXPECT_EQ(function_->accesses, before);
}

TEST_F(AMailbox, RefusesAProtocolThatConfigurationTookAway) {
    ASSERT_TRUE(allowed_.remove(protocol_table_access));
    claim();
    EXPECT_TRUE(submit_cdat()->failed_with(Errc::not_allowed));
}

TEST_F(AMailbox, RefusesAProtocolThatDiscoveryDidNotShow) {
    make();
    function_->instance = emulator::DoeInstance({}, {}, [this] { return scheduler_.now(); });
    mailbox_->start();
    // Before the claim has ended nobody knows; the refusal comes after.
    const auto early = submit_cdat();
    EXPECT_EQ(early->times, 0);
    run_until_answered(early);
    EXPECT_TRUE(early->failed_with(Errc::not_supported)) << early->text();
    EXPECT_TRUE(submit_cdat()->failed_with(Errc::not_supported));
}

TEST_F(AMailbox, KeepsWhatIsSubmittedWhileItIsClaimed) {
    make(5ms);
    mailbox_->start();
    const auto answer = submit_cdat();
    run_until_answered(answer);
    EXPECT_TRUE(answer->succeeded()) << answer->text();
}

TEST_F(AMailbox, RunsEqualOperationsInTheQueueOnce) {
    claim(10ms);
    const auto first = submit_cdat();
    scheduler_.run_for(5ms);
    const auto exchanges_before = mailbox_->status().counters.exchanges;
    // The first is on the wire; these three wait together.
    const auto second = submit_cdat();
    const auto third = submit_cdat(30s, 1000);
    const auto fourth = submit_cdat(30s, 1001);
    EXPECT_EQ(mailbox_->status().queue_length, 4U);
    run_until_answered(fourth);
    EXPECT_TRUE(first->succeeded() && second->succeeded() && third->succeeded() &&
                fourth->succeeded());
    EXPECT_EQ(*second->outcome.value(), *fourth->outcome.value());
    EXPECT_NE(*first->outcome.value(), *second->outcome.value());
    EXPECT_EQ(mailbox_->status().counters.exchanges - exchanges_before, 14U);
    EXPECT_EQ(mailbox_->status().queue_length, 0U);
}

TEST_F(AMailbox, ServesUsersInTurn) {
    claim(10ms);
    const auto running = submit_cdat();
    scheduler_.run_for(5ms);
    // Discovery runs are kept apart by protocol and key, so each user's operation is of its own kind here.
    const auto first = submit(std::make_shared<OtherOperation>(protocol_discovery), 30s, 1);
    const auto second = submit(std::make_shared<OtherOperation>(protocol_discovery), 30s, 1);
    const auto other = submit(std::make_shared<OtherOperation>(protocol_discovery), 30s, 2);
    run_until_answered(second);
    EXPECT_EQ(order_, (std::vector{running, first, other, second}));
}

TEST_F(AMailbox, RefusesMoreThanItsQueueHolds) {
    options_.queue_limit = 2;
    claim(10ms);
    const auto first = submit_cdat();
    const auto second = submit_cdat();
    const auto third = submit_cdat();
    EXPECT_TRUE(third->failed_with(Errc::limits_exceeded)) << third->text();
    run_until_answered(second);
    EXPECT_TRUE(first->succeeded());
    EXPECT_EQ(submit_cdat()->times, 0);
}

TEST_F(AMailbox, AnswersAtTheDeadlineAndSeesTheExchangeThrough) {
    claim(100ms);
    const auto start = scheduler_.now();
    const auto answer = submit_cdat(250ms);
    run_until_answered(answer);
    EXPECT_TRUE(answer->failed_with(Errc::deadline_exceeded)) << answer->text();
    EXPECT_EQ(answer->when - start, 250ms);
    EXPECT_EQ(mailbox_->status().state, MailboxState::busy);
    ASSERT_TRUE(
        scheduler_.run_until([this] { return mailbox_->status().state == MailboxState::idle; }));
    EXPECT_EQ(mailbox_->status().counters.aborts, 1U);
    EXPECT_EQ(mailbox_->status().counters.exchanges, 2U + 3U);
    EXPECT_EQ(answer->times, 1);
}

TEST_F(AMailbox, RefusesADeadlineThatHasPassed) {
    claim();
    EXPECT_TRUE(submit_cdat(0s)->failed_with(Errc::deadline_exceeded));
}

TEST_F(AMailbox, DropsACancelledOperationThatWaits) {
    claim(10ms);
    const auto running = submit(std::make_shared<OtherOperation>(protocol_discovery));
    scheduler_.run_for(1ms);
    const auto waiting = submit_cdat();
    mailbox_->cancel(last_ticket_);
    EXPECT_TRUE(waiting->failed_with(Errc::cancelled)) << waiting->text();
    EXPECT_EQ(mailbox_->status().queue_length, 1U);
    run_until_answered(running);
    const auto exchanges = mailbox_->status().counters.exchanges;
    states_.clear();
    scheduler_.run_for(1s);
    EXPECT_EQ(mailbox_->status().counters.exchanges, exchanges);
    EXPECT_EQ(std::ranges::count(states_, MailboxState::busy), 0);
    EXPECT_EQ(waiting->times, 1);
}

TEST_F(AMailbox, AnswersACancelledOperationOnTheWireAtOnceAndSharesItsRunWithTheRest) {
    claim(10ms);
    const auto blocker = submit(std::make_shared<OtherOperation>(protocol_discovery));
    scheduler_.run_for(1ms);
    const auto kept = submit_cdat();
    const auto cancelled = submit_cdat();
    const Ticket ticket = last_ticket_;
    run_until_answered(blocker);
    scheduler_.run_for(15ms);
    mailbox_->cancel(ticket);
    EXPECT_TRUE(cancelled->failed_with(Errc::cancelled));
    run_until_answered(kept);
    EXPECT_TRUE(kept->succeeded()) << kept->text();
}

TEST_F(AMailbox, IgnoresTicketsThatAreNotItsOwn) {
    claim();
    mailbox_->cancel(0);
    mailbox_->cancel(4711);
    EXPECT_EQ(mailbox_->status().queue_length, 0U);
}

TEST_F(AMailbox, ResetAbortsWhatRunsAndClaimsAnew) {
    claim(100ms);
    const auto running = submit_cdat();
    scheduler_.run_for(50ms);
    std::optional<base::Result<void>> reset;
    mailbox_->reset([&](base::Result<void> result) { reset = std::move(result); });
    const auto waiting = submit(std::make_shared<OtherOperation>(protocol_discovery));
    const auto start = scheduler_.now();
    run_until_answered(running);
    EXPECT_TRUE(running->failed_with(Errc::aborted)) << running->text();
    EXPECT_EQ(running->when, start);
    ASSERT_TRUE(scheduler_.run_until([&] { return reset.has_value(); }));
    EXPECT_TRUE(reset->has_value());
    EXPECT_EQ(mailbox_->status().counters.aborts, 3U);
    run_until_answered(waiting);
    EXPECT_TRUE(waiting->succeeded()) << waiting->text();
}

TEST_F(AMailbox, ClosedAnswersEverybodyAndLetsTheExchangeOnTheWireEnd) {
    claim(100ms);
    const auto running = submit_cdat();
    const auto waiting = submit(std::make_shared<OtherOperation>(protocol_discovery));
    scheduler_.run_for(50ms);
    bool closed = false;
    mailbox_->close(Errc::cancelled, [&] { closed = true; });
    EXPECT_TRUE(running->failed_with(Errc::cancelled));
    EXPECT_TRUE(waiting->failed_with(Errc::cancelled));
    EXPECT_FALSE(closed);
    ASSERT_TRUE(scheduler_.run_until([&] { return closed; }));
    EXPECT_EQ(mailbox_->status().state, MailboxState::closed);
    EXPECT_EQ(mailbox_->status().counters.exchanges, 3U);
    EXPECT_EQ(mailbox_->status().counters.aborts, 1U);
    const auto accesses = function_->accesses;
    scheduler_.run_for(5min);
    EXPECT_EQ(function_->accesses, accesses);
    EXPECT_TRUE(submit_cdat()->failed_with(Errc::cancelled));
}

TEST_F(AMailbox, HasLetGoOfConfigSpaceWhenItTellsThatItIsClosed) {
    claim(100ms);
    submit_cdat();
    scheduler_.run_for(50ms);
    bool held = true;
    mailbox_->close(Errc::cancelled, [&] { held = function_->held; });
    EXPECT_TRUE(function_->held) << "the exchange on the wire goes on";
    ASSERT_TRUE(scheduler_.run_until([&] { return !held; }));
    bool again = false;
    mailbox_->close(Errc::cancelled, [&] { again = true; });
    mailbox_->on_interrupt();
    mailbox_->reset([](const auto&) {});
    scheduler_.run_for(5min);
    EXPECT_TRUE(again);
    EXPECT_EQ(mailbox_->status().counters.exchanges, 3U);
}

TEST_F(AMailbox, ThatIsGoneLetsGoOfConfigSpaceWhenItIsClosed) {
    claim();
    function_->gone = true;
    run_until_answered(submit_cdat());
    EXPECT_EQ(mailbox_->status().state, MailboxState::gone);
    bool held = true;
    mailbox_->close(Errc::device_gone, [&] { held = function_->held; });
    ASSERT_TRUE(scheduler_.run_until([&] { return !held; }));
}

TEST_F(AMailbox, ClosedWhileItWaitsForBusyDoesNotWaitOn) {
    claim();
    function_->stuck_status = status_busy;
    const auto running = submit_cdat();
    scheduler_.run_for(10ms);
    bool closed = false;
    const auto start = scheduler_.now();
    mailbox_->close(Errc::cancelled, [&] { closed = true; });
    function_->stuck_status.reset();
    ASSERT_TRUE(scheduler_.run_until([&] { return closed; }));
    EXPECT_LE(scheduler_.now() - start, 10ms);
    EXPECT_TRUE(running->failed_with(Errc::cancelled));
}

TEST_F(AMailbox, ClosedWhileItDiscoversBeginsNoOtherExchange) {
    make(100ms);
    mailbox_->start();
    scheduler_.run_for(50ms);
    bool closed = false;
    mailbox_->close(Errc::cancelled, [&] { closed = true; });
    ASSERT_TRUE(scheduler_.run_until([&] { return closed; }));
    EXPECT_EQ(mailbox_->status().counters.exchanges, 1U);
    EXPECT_EQ(mailbox_->status().counters.aborts, 1U);
}

TEST_F(AMailbox, ClosedWhileItsDeviceStaysBusyEndsWithinTheTimeOfAnAbort) {
    claim();
    function_->stuck_status = status_busy;
    submit_cdat();
    scheduler_.run_for(10ms);
    const auto start = scheduler_.now();
    bool closed = false;
    mailbox_->close(Errc::cancelled, [&] { closed = true; });
    ASSERT_TRUE(scheduler_.run_until([&] { return closed; }));
    EXPECT_EQ(scheduler_.now() - start, 1s);
    EXPECT_TRUE(scheduler_.idle());
}

TEST_F(AMailbox, LeavesNoTimerBehindWhenItHasAnswered) {
    claim(5ms);
    run_until_answered(submit_cdat());
    scheduler_.run_for(0s);
    EXPECT_TRUE(scheduler_.idle());
}

TEST_F(AMailbox, YieldsItsStrandAndLeavesTheClockAloneWithinALongTransfer) {
    // One structure as long as a structure can be: 16383 dwords, two accesses each.
    std::vector<std::uint8_t> structure(0xFFFC);
    structure[0] = 0x80;
    structure[2] = 0xFC;
    structure[3] = 0xFF;
    table_ = cdat::build_table(1, 0, std::vector<std::vector<std::uint8_t>>{structure});
    claim();
    const auto answer = submit_cdat();
    const auto clock_reads_before = scheduler_.clock_reads();
    std::uint64_t longest_turn = 0;
    while (answer->times == 0) {
        const auto before = function_->accesses;
        ASSERT_TRUE(scheduler_.step());
        longest_turn = std::max(longest_turn, function_->accesses - before);
    }
    EXPECT_TRUE(answer->succeeded()) << answer->text();
    EXPECT_LE(longest_turn, 256U);
    EXPECT_GT(function_->accesses, 2 * 16383U);
    EXPECT_LT(scheduler_.clock_reads() - clock_reads_before, 100U);
}

}  // namespace
}  // namespace doed::doe
