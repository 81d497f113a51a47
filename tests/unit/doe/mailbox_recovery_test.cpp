// SPDX-License-Identifier: Apache-2.0
//
// What a mailbox does when its device misbehaves: it answers in time, recovers what can be recovered, and says what is wrong.
#include "mailbox_fixture.hpp"

namespace doed::doe {
namespace {

TEST_F(AMailbox, TimesOutASilentDeviceAndServesAgain) {
    claim();
    const auto start = scheduler_.now();
    // A request the device does not define is met with silence: handle 0 of table type 1.
    class Undefined final : public Operation {
    public:
        [[nodiscard]] Protocol protocol() const noexcept override { return protocol_table_access; }
        [[nodiscard]] base::Result<Step> start() override { return Step::send; }
        [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t>) override {
            return Step::finished;
        }
        [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
            return request_;
        }

    private:
        std::vector<std::uint32_t> request_{0x0100};
    };
    const auto silent = submit(std::make_shared<Undefined>());
    const auto next = submit_cdat();
    run_until_answered(silent);
    EXPECT_TRUE(silent->failed_with(Errc::timeout)) << silent->text();
    EXPECT_EQ(silent->when - start, 1s);
    EXPECT_NE(silent->text().find("0000:0d:00.0 mailbox 0x190"), std::string::npos)
        << silent->text();
    run_until_answered(next);
    EXPECT_TRUE(next->succeeded()) << next->text();
    EXPECT_EQ(mailbox_->status().counters.timeouts, 1U);
    EXPECT_EQ(mailbox_->status().counters.errors, 1U);
    EXPECT_EQ(mailbox_->status().last_error, silent->text());
}

TEST_F(AMailbox, TellsOfEachExchangeThatFailsOnceWithProtocolAndCause) {
    faults_ = {emulator::FaultRule::at(emulator::FaultKind::error_in_response, 4, 2),
               emulator::FaultRule::at(emulator::FaultKind::never_ready, 6)};
    claim();
    EXPECT_THAT(failures_, testing::IsEmpty());
    std::vector<Errc> causes;
    for (int i = 0; i < 3; ++i) {
        const auto read = submit_cdat();
        run_until_answered(read);
        ASSERT_FALSE(read->succeeded());
        causes.push_back(read->outcome->error().code());
        EXPECT_NE(read->text().find(failures_.back()->detail), std::string::npos)
            << read->text() << " is told as " << failures_.back()->detail;
    }
    EXPECT_THAT(causes,
                testing::ElementsAre(Errc::device_error, Errc::device_error, Errc::timeout));
    ASSERT_EQ(failures_.size(), causes.size());
    for (std::size_t i = 0; i < causes.size(); ++i) {
        EXPECT_EQ(failures_[i]->code, causes[i]);
        EXPECT_EQ(failures_[i]->protocol, protocol_table_access);
    }
    EXPECT_EQ(mailbox_->status().counters.errors, failures_.size());
}

TEST_F(AMailbox, TellsOfADiscoveryThatFailsWhileItIsClaimed) {
    faults_ = {emulator::FaultRule::at(emulator::FaultKind::error_in_response, 1)};
    claim();
    ASSERT_EQ(failures_.size(), 1U);
    EXPECT_EQ(failures_[0]->protocol, protocol_discovery);
    EXPECT_EQ(failures_[0]->code, Errc::device_error);
    EXPECT_EQ(mailbox_->status().counters.errors, 1U);
}

TEST_F(AMailbox, StuckBusyIsReportedAfterOneSecondAndDeadAfterTwo) {
    claim();
    function_->stuck_status = status_busy;
    const auto start = scheduler_.now();
    const auto running = submit_cdat();
    const auto waiting = submit(std::make_shared<OtherOperation>(protocol_discovery));
    run_until_answered(running);
    EXPECT_TRUE(running->failed_with(Errc::dead)) << running->text();
    EXPECT_EQ(running->when - start, 2s);
    EXPECT_TRUE(waiting->failed_with(Errc::dead)) << waiting->text();
    EXPECT_EQ(mailbox_->status().state, MailboxState::dead);
    const auto refused = submit_cdat();
    EXPECT_TRUE(refused->failed_with(Errc::dead));
    EXPECT_NE(refused->text().find("Busy did not clear"), std::string::npos) << refused->text();
}

TEST_F(AMailbox, ThatMayNotBeWrittenIsDeadAndTriedAgain) {
    for (const Errc code : {Errc::lockdown, Errc::access_denied}) {
        claim();
        function_->write_error = code;
        const auto refused = submit_cdat();
        run_until_answered(refused);
        EXPECT_TRUE(refused->failed_with(code)) << refused->text();
        EXPECT_EQ(mailbox_->status().state, MailboxState::dead) << "whoever watches looks for why";
        function_->write_error.reset();
        EXPECT_TRUE(scheduler_.run_until(
            [this] { return mailbox_->status().state == MailboxState::idle; }));
        mailbox_.reset();
    }
}

TEST_F(AMailbox, DeadIsTriedAgainWithGrowingPausesAndServesWhenItReacts) {
    claim();
    function_->stuck_status = status_busy;
    const auto running = submit_cdat();
    run_until_answered(running);
    std::vector<base::TimePoint> attempts;
    states_.clear();
    const auto died = scheduler_.now();
    while (attempts.size() < 4) {
        const std::size_t seen = states_.size();
        ASSERT_TRUE(scheduler_.step());
        if (states_.size() > seen && states_.back() == MailboxState::starting) {
            attempts.push_back(scheduler_.now());
        }
    }
    EXPECT_EQ(attempts[0] - died, 1s);
    EXPECT_EQ(attempts[1] - attempts[0], 1s + 2s);
    EXPECT_EQ(attempts[2] - attempts[1], 1s + 4s);
    EXPECT_EQ(attempts[3] - attempts[2], 1s + 8s);
    function_->stuck_status.reset();
    ASSERT_TRUE(
        scheduler_.run_until([this] { return mailbox_->status().state == MailboxState::idle; }));
    EXPECT_EQ(mailbox_->status().last_error, "");
    const auto again = submit_cdat();
    run_until_answered(again);
    EXPECT_TRUE(again->succeeded()) << again->text();
}

TEST_F(AMailbox, WaitsForADeviceThatIsBusyAtTheStartAndServesThen) {
    claim();
    function_->stuck_status = status_busy;
    const auto answer = submit_cdat();
    scheduler_.run_for(900ms);
    EXPECT_EQ(answer->times, 0);
    function_->stuck_status.reset();
    run_until_answered(answer);
    EXPECT_TRUE(answer->succeeded()) << answer->text();
    EXPECT_EQ(mailbox_->status().counters.aborts, 1U) << "that of the claim";
}

TEST_F(AMailbox, AbortsTheResponseThatSomebodyElseLeft) {
    claim();
    // Discovery of index 0, asked for by a program that does not fetch the answer.
    for (const std::uint32_t dword : {0x00000001U, 3U, 0U}) {
        function_->instance.write(reg::write_mailbox, dword);
    }
    function_->instance.write(reg::control, control_go);
    ASSERT_NE(function_->instance.read(reg::status) & status_ready, 0U);
    const auto answer = submit_cdat();
    run_until_answered(answer);
    EXPECT_TRUE(answer->succeeded()) << answer->text();
    EXPECT_EQ(mailbox_->status().counters.aborts, 2U);
    EXPECT_EQ(mailbox_->status().counters.errors, 0U);
}

TEST_F(AMailbox, DeadAgainAfterItServedIsTriedAsSoonAsTheFirstTime) {
    claim();
    for (int time = 0; time < 3; ++time) {
        function_->stuck_status = status_busy;
        run_until_answered(submit_cdat());
        ASSERT_EQ(mailbox_->status().state, MailboxState::dead);
        function_->stuck_status.reset();
        scheduler_.run_for(999ms);
        EXPECT_EQ(mailbox_->status().state, MailboxState::dead);
        scheduler_.run_for(2ms);
        EXPECT_EQ(mailbox_->status().state, MailboxState::idle);
    }
}

TEST_F(AMailbox, WhoseResetFindsItDeadSaysSoAndKeepsItsPause) {
    claim();
    const auto running = submit(std::make_shared<OtherOperation>(protocol_table_access, 0x0100U));
    scheduler_.run_for(10ms);
    function_->stuck_status = status_busy;
    std::optional<base::Result<void>> reset;
    mailbox_->reset([&](base::Result<void> result) { reset = std::move(result); });
    ASSERT_TRUE(scheduler_.run_until([&] { return reset.has_value(); }));
    EXPECT_EQ(reset->error().code(), Errc::dead);
    EXPECT_TRUE(running->failed_with(Errc::dead)) << running->text();
    const auto accesses = function_->accesses;
    scheduler_.run_for(900ms);
    EXPECT_EQ(function_->accesses, accesses);
    EXPECT_EQ(mailbox_->status().state, MailboxState::dead);
}

TEST_F(AMailbox, DeadIsTriedAtLeastOncePerMinuteHoweverLongItHasBeenSo) {
    claim();
    function_->stuck_status = status_busy;
    run_until_answered(submit_cdat());
    scheduler_.run_for(10min);
    const auto aborts = mailbox_->status().counters.aborts;
    scheduler_.run_for(10min);
    EXPECT_GE(mailbox_->status().counters.aborts - aborts, 9U);
    EXPECT_LE(mailbox_->status().counters.aborts - aborts, 10U);
}

TEST_F(AMailbox, DeadIsTriedAtOnceWhenSomebodyHasReasonTo) {
    options_.revival_pause_min = options_.revival_pause_max = 1h;
    claim();
    mailbox_->revive();
    EXPECT_EQ(mailbox_->status().state, MailboxState::idle) << "it is not dead";
    function_->stuck_status = status_busy;
    run_until_answered(submit_cdat());
    ASSERT_EQ(mailbox_->status().state, MailboxState::dead);
    function_->stuck_status.reset();
    mailbox_->revive();
    mailbox_->revive();
    scheduler_.run_for(10ms);
    EXPECT_EQ(mailbox_->status().state, MailboxState::idle);
    EXPECT_EQ(mailbox_->status().counters.aborts, 3U) << "claim, request, revival";
    EXPECT_EQ(mailbox_->trace().back().purpose, Purpose::revival);
    mailbox_->close(Errc::cancelled, [] {});
    scheduler_.run_for(1s);
    mailbox_->revive();
    EXPECT_EQ(mailbox_->status().state, MailboxState::closed);
}

TEST_F(AMailbox, DeadIsRevivedByAReset) {
    claim();
    function_->stuck_status = status_error;
    run_until_answered(submit_cdat());
    ASSERT_EQ(mailbox_->status().state, MailboxState::dead);
    function_->stuck_status.reset();
    std::optional<base::Result<void>> reset;
    mailbox_->reset([&](base::Result<void> result) { reset = std::move(result); });
    const auto start = scheduler_.now();
    ASSERT_TRUE(scheduler_.run_until([&] { return reset.has_value(); }));
    EXPECT_TRUE(reset->has_value());
    EXPECT_LT(scheduler_.now() - start, 100ms);
    EXPECT_EQ(mailbox_->status().state, MailboxState::idle);
    const auto accesses = function_->accesses;
    scheduler_.run_for(10min);
    EXPECT_EQ(function_->accesses, accesses) << "it needs no reviving any more";
}

TEST_F(AMailbox, ThatCannotBeClaimedIsDeadAndSaysWhy) {
    make();
    function_->stuck_status = status_busy | status_error;
    mailbox_->start();
    const auto early = submit_cdat();
    run_until_answered(early);
    EXPECT_TRUE(early->failed_with(Errc::dead)) << early->text();
    EXPECT_EQ(mailbox_->status().state, MailboxState::dead);
    EXPECT_NE(mailbox_->status().last_error.find("status 0x00000005"), std::string::npos)
        << mailbox_->status().last_error;
}

TEST_F(AMailbox, RemovedInMidExchangeEndsEveryWaiterAndIsNotTouchedAgain) {
    claim(100ms);
    const auto running = submit_cdat();
    const auto waiting = submit(std::make_shared<OtherOperation>(protocol_discovery));
    scheduler_.run_for(50ms);
    function_->gone = true;
    run_until_answered(running);
    EXPECT_TRUE(running->failed_with(Errc::device_gone)) << running->text();
    EXPECT_TRUE(waiting->failed_with(Errc::device_gone)) << waiting->text();
    EXPECT_EQ(mailbox_->status().state, MailboxState::gone);
    const auto accesses = function_->accesses;
    EXPECT_TRUE(submit_cdat()->failed_with(Errc::device_gone));
    std::optional<base::Result<void>> reset;
    mailbox_->reset([&](base::Result<void> result) { reset = std::move(result); });
    ASSERT_TRUE(reset.has_value());
    EXPECT_EQ(reset->error().code(), Errc::device_gone);
    scheduler_.run_for(10min);
    EXPECT_EQ(function_->accesses, accesses);
    bool closed = false;
    mailbox_->close(Errc::cancelled, [&] { closed = true; });
    scheduler_.run_for(1s);
    EXPECT_TRUE(closed);
    EXPECT_EQ(function_->accesses, accesses);
}

TEST_F(AMailbox, ClosedWhileItIsDeadStopsTrying) {
    claim();
    function_->stuck_status = status_busy;
    run_until_answered(submit_cdat());
    bool closed = false;
    mailbox_->close(Errc::cancelled, [&] { closed = true; });
    scheduler_.run_for(1ms);
    EXPECT_TRUE(closed);
    EXPECT_TRUE(scheduler_.idle());
}

TEST_F(AMailbox, DestroyedWithWorkPostedLeavesNothingBehindThatTouchesIt) {
    claim(100ms);
    const auto running = submit_cdat();
    scheduler_.run_for(50ms);
    const auto accesses = function_->accesses;
    mailbox_.reset();
    scheduler_.run_for(1min);
    EXPECT_EQ(function_->accesses, accesses);
    EXPECT_EQ(running->times, 0);
}

TEST_F(AMailbox, ClosedWhileItIsClaimedIsNotCalledDead) {
    make(100ms);
    mailbox_->start();
    scheduler_.run_for(50ms);
    bool closed = false;
    mailbox_->close(Errc::cancelled, [&] { closed = true; });
    ASSERT_TRUE(scheduler_.run_until([&] { return closed; }));
    EXPECT_EQ(mailbox_->status().state, MailboxState::closed);
    EXPECT_EQ(mailbox_->status().last_error, "");
}

TEST_F(AMailbox, RefusesMoreResetsThanItsQueueHolds) {
    options_.queue_limit = 2;
    claim(100ms);
    const auto running = submit_cdat();
    scheduler_.run_for(50ms);
    std::vector<base::Result<void>> results;
    for (int i = 0; i < 3; ++i) {
        mailbox_->reset([&](base::Result<void> result) { results.push_back(std::move(result)); });
    }
    ASSERT_EQ(results.size(), 1U);
    EXPECT_EQ(results.front().error().code(), Errc::limits_exceeded);
    ASSERT_TRUE(scheduler_.run_until([&] { return results.size() == 3; }));
    EXPECT_TRUE(results[1].has_value() && results[2].has_value());
}

}  // namespace
}  // namespace doed::doe
