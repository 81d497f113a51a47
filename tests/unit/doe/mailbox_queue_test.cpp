// SPDX-License-Identifier: Apache-2.0
//
// Who waits for a mailbox, how long, and in which order they are served: every submission is answered exactly once.
#include "mailbox_fixture.hpp"

#include <algorithm>

namespace doed::doe {
namespace {

class AQueue : public AMailbox {
protected:
    /// Something else keeps the mailbox busy until then.
    std::shared_ptr<Answer> claim_and_block() {
        claim(100ms);
        auto blocker = submit(std::make_shared<OtherOperation>(protocol_discovery));
        scheduler_.run_for(50ms);
        return blocker;
    }
    std::shared_ptr<Answer> submit_other(std::uint32_t uid) {
        return submit(std::make_shared<OtherOperation>(protocol_discovery), 30s, uid);
    }
    void run_until_idle() {
        ASSERT_TRUE(scheduler_.run_until(
            [this] { return mailbox_->status().state == MailboxState::idle; }));
    }
};

TEST_F(AQueue, AnswersAWaiterAtItsDeadlineAndForgetsIt) {
    const auto blocker = claim_and_block();
    const auto start = scheduler_.now();
    const auto late = submit_cdat(20ms);
    run_until_answered(late);
    EXPECT_TRUE(late->failed_with(Errc::deadline_exceeded)) << late->text();
    EXPECT_NE(late->text().find("0000:0d:00.0 mailbox 0x190"), std::string::npos) << late->text();
    EXPECT_EQ(late->when - start, 20ms);
    EXPECT_EQ(mailbox_->status().queue_length, 1U);
    run_until_answered(blocker);
    const auto exchanges = mailbox_->status().counters.exchanges;
    scheduler_.run_for(10s);
    EXPECT_EQ(mailbox_->status().counters.exchanges, exchanges);
    EXPECT_EQ(late->times, 1);
}

TEST_F(AQueue, GivesEachWaiterOfASharedRunItsOwnDeadline) {
    const auto blocker = claim_and_block();
    const auto start = scheduler_.now();
    const auto first = submit_cdat(20ms);
    const auto second = submit_cdat(30s);
    const auto third = submit_cdat(200ms);
    run_until_answered(second);
    EXPECT_TRUE(first->failed_with(Errc::deadline_exceeded)) << first->text();
    EXPECT_EQ(first->when - start, 20ms);
    EXPECT_TRUE(third->failed_with(Errc::deadline_exceeded)) << third->text();
    EXPECT_EQ(third->when - start, 200ms);
    EXPECT_TRUE(second->succeeded()) << second->text();
    EXPECT_EQ(first->times + second->times + third->times, 3);
    EXPECT_EQ(mailbox_->status().queue_length, 0U);
}

TEST_F(AQueue, AnswersWhoIsCancelledOnTheWireAtOnceAndEndsTheExchangeAlone) {
    claim(100ms);
    const auto start = scheduler_.now();
    const auto cancelled = submit_cdat();
    scheduler_.run_for(50ms);
    const auto exchanges = mailbox_->status().counters.exchanges;
    mailbox_->cancel(last_ticket_);
    EXPECT_TRUE(cancelled->failed_with(Errc::cancelled)) << cancelled->text();
    EXPECT_EQ(cancelled->when - start, 50ms);
    EXPECT_EQ(mailbox_->status().queue_length, 0U);
    run_until_idle();
    EXPECT_LE(scheduler_.now() - start, 110ms);
    EXPECT_EQ(mailbox_->status().counters.exchanges, exchanges + 1);
    EXPECT_EQ(mailbox_->status().last_error, "");
    EXPECT_EQ(cancelled->times, 1);
}

TEST_F(AQueue, IsServedWithinASecondOfACancelWhoseExchangeIsNotAnswered) {
    claim();
    const auto silent = submit(std::make_shared<OtherOperation>(protocol_table_access, 0x0100U));
    scheduler_.run_for(10ms);
    const auto start = scheduler_.now();
    mailbox_->cancel(last_ticket_);
    const auto next = submit_cdat();
    run_until_answered(next);
    EXPECT_TRUE(next->succeeded()) << next->text();
    EXPECT_LT(scheduler_.now() - start, 1s);
    EXPECT_EQ(silent->times, 1);
}

TEST_F(AQueue, TakesAWaiterPerTicketAlsoWhenTheyShareARun) {
    const auto blocker = claim_and_block();
    const auto first = submit_cdat();
    const Ticket ticket = last_ticket_;
    const auto second = submit_cdat();
    EXPECT_NE(last_ticket_, ticket);
    mailbox_->cancel(ticket);
    mailbox_->cancel(ticket);
    run_until_answered(second);
    EXPECT_TRUE(first->failed_with(Errc::cancelled));
    EXPECT_TRUE(second->succeeded()) << second->text();
    EXPECT_EQ(first->times, 1);
}

TEST_F(AQueue, CountsWhoSharesARunLikeEverybodyElse) {
    options_.queue_limit = 3;
    const auto blocker = claim_and_block();
    const auto first = submit_cdat();
    const auto second = submit_cdat();
    const auto refused = submit_cdat();
    EXPECT_TRUE(refused->failed_with(Errc::limits_exceeded)) << refused->text();
    EXPECT_EQ(refused->times, 1);
    EXPECT_NE(refused->text().find("0000:0d:00.0 mailbox 0x190"), std::string::npos);
    run_until_answered(second);
    EXPECT_TRUE(first->succeeded());
}

TEST_F(AQueue, HoldsSixtyFourUnlessItIsToldOtherwise) {
    const auto blocker = claim_and_block();
    for (int i = 1; i < 64; ++i) {
        EXPECT_EQ(submit_cdat()->times, 0);
    }
    EXPECT_TRUE(submit_cdat()->failed_with(Errc::limits_exceeded));
}

TEST_F(AQueue, LetsAUserWhoAsksMuchWaitNoLessThanOneWhoAsksOnce) {
    const auto blocker = claim_and_block();
    std::vector<std::shared_ptr<Answer>> greedy;
    for (int i = 0; i < 10; ++i) {
        greedy.push_back(submit_other(1));
    }
    const auto modest = submit_other(2);
    run_until_answered(modest);
    EXPECT_EQ(order_, (std::vector{blocker, greedy[0], modest}));
}

TEST_F(AQueue, GivesAUserWhoJoinsTheRunOfAnotherTheOwnTurn) {
    const auto blocker = claim_and_block();
    for (int i = 0; i < 10; ++i) {
        submit_other(1);
    }
    const auto theirs = submit_cdat(30s, 1);
    const auto joined = submit_cdat(30s, 2);
    const auto exchanges = mailbox_->status().counters.exchanges;
    states_.clear();
    run_until_answered(joined);
    EXPECT_TRUE(theirs->succeeded()) << "one run is enough for both";
    EXPECT_EQ(*theirs->outcome.value(), *joined->outcome.value());
    // The blocker, one of user 1's, and the table.
    EXPECT_EQ(mailbox_->status().counters.exchanges - exchanges, 1U + 1U + 7U);
    scheduler_.run_for(10s);
    EXPECT_EQ(mailbox_->status().counters.exchanges - exchanges, 1U + 10U + 7U);
    int turns = 0;
    for (std::size_t i = 1; i < states_.size(); ++i) {
        turns += states_[i - 1] == MailboxState::idle && states_[i] == MailboxState::busy ? 1 : 0;
    }
    EXPECT_EQ(turns, 10 + 1) << "no turn is taken without a run";
    EXPECT_TRUE(std::ranges::all_of(order_, [](const auto& answer) { return answer->times == 1; }));
}

TEST_F(AQueue, LeavesNoTurnToWhoHasWithdrawn) {
    const auto blocker = claim_and_block();
    const auto first = submit_other(1);
    for (int i = 0; i < 100; ++i) {
        submit_cdat(30s, 2);
        if (i > 0) {
            mailbox_->cancel(last_ticket_);  // who joined the run of the first
        }
    }
    submit_cdat(30s, 2);
    const Ticket joined = last_ticket_;
    const auto second = submit_other(1);
    const auto third = submit_cdat(30s, 1);
    const auto modest = submit_other(3);
    for (Ticket ticket = 1; ticket <= joined; ++ticket) {
        if (ticket > 2) {
            mailbox_->cancel(ticket);  // all of user 2's; the run stays, for user 1
        }
    }
    order_.clear();
    run_until_answered(third);
    EXPECT_EQ(order_, (std::vector{blocker, first, modest, second, third}));
}

TEST_F(AQueue, AnswersEveryoneExactlyOnceWhenTheMailboxDies) {
    const auto blocker = claim_and_block();
    std::vector<std::shared_ptr<Answer>> waiting;
    for (std::uint32_t uid = 0; uid < 5; ++uid) {
        waiting.push_back(submit_cdat(30s, uid));
        waiting.push_back(submit_other(uid));
    }
    function_->stuck_status = status_error;
    run_until_answered(blocker);
    scheduler_.run_for(1min);
    EXPECT_EQ(blocker->times, 1);
    for (const auto& answer : waiting) {
        EXPECT_TRUE(answer->failed_with(Errc::dead)) << answer->text();
        EXPECT_EQ(answer->times, 1);
        EXPECT_EQ(answer->text().find("0000:0d:00.0 mailbox 0x190"), 0U) << answer->text();
        EXPECT_EQ(answer->text().rfind("0000:0d:00.0"), 0U) << answer->text();
        EXPECT_NE(answer->text().find("Error is set"), std::string::npos) << answer->text();
    }
    EXPECT_EQ(mailbox_->status().queue_length, 0U);
}

TEST_F(AQueue, MayBeUsedByWhoItAnswers) {
    claim();
    std::shared_ptr<Answer> again;
    Submission submission;
    submission.operation = std::make_shared<cdat::TableAccessOperation>();
    submission.deadline = scheduler_.now() + 1s;
    submission.completion = [&](const Outcome&) { again = submit_cdat(); };
    mailbox_->submit(std::move(submission));
    ASSERT_TRUE(scheduler_.run_until([&] { return again && again->times > 0; }));
    EXPECT_TRUE(again->succeeded()) << again->text();
}

}  // namespace
}  // namespace doed::doe
