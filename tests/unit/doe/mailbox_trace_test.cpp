// SPDX-License-Identifier: Apache-2.0
//
// What the flight recorder of a mailbox tells afterwards, and meanwhile.
#include "mailbox_interrupt_fixture.hpp"

#include <algorithm>
#include <string>

namespace doed::doe {
namespace {

/// Interrupt Status: a mailbox that is polled does not clear it.
constexpr std::uint32_t left_by_discovery = status_interrupt;

class ATrace : public AMailbox {
protected:
    [[nodiscard]] TraceRecord last() const { return mailbox_->trace().back(); }
    [[nodiscard]] std::uint64_t accesses_recorded() const {
        std::uint64_t accesses = 0;
        for (const auto& record : mailbox_->trace()) {
            accesses += record.reads + record.writes;
        }
        return accesses;
    }
    /// A table type that is not defined is met with silence.
    std::shared_ptr<Answer> ask_in_vain() {
        auto answer = submit(std::make_shared<OtherOperation>(protocol_table_access, 0x0100U));
        run_until_answered(answer);
        return answer;
    }
};

TEST_F(ATrace, IsEmptyBeforeTheMailboxIsClaimed) {
    make();
    EXPECT_TRUE(mailbox_->trace().empty());
}

TEST_F(ATrace, BeginsWithTheAbortAndTheDiscoveryOfTheClaim) {
    claim(5ms);
    const auto records = mailbox_->trace();
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].protocol, std::nullopt);
    EXPECT_EQ(records[0].abort, AbortResult::done);
    EXPECT_EQ(records[0].request_length_dw, 0U);
    EXPECT_EQ(records[0].status, (StatusWords{.last = 0U}));
    EXPECT_EQ(records[0].reads, 2U);
    EXPECT_EQ(records[0].writes, 1U);
    for (const auto& discovery : {records[1], records[2]}) {
        EXPECT_EQ(discovery.protocol, protocol_discovery);
        EXPECT_EQ(discovery.request_length_dw, 3U);
        EXPECT_EQ(discovery.response_length_dw, 3U);
        EXPECT_EQ(discovery.abort, AbortResult::not_tried);
        EXPECT_EQ(discovery.noticed, Noticed::poll);
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(records[i].sequence, i + 1);
        EXPECT_EQ(records[i].purpose, Purpose::claim);
        EXPECT_EQ(records[i].error, std::nullopt);
        EXPECT_TRUE(records[i].ended);
    }
    EXPECT_EQ(accesses_recorded(), function_->accesses);
}

TEST_F(ATrace, TellsTimesLengthsAndAccessesOfEachExchange) {
    claim(20ms);
    const auto start = scheduler_.now();
    run_until_answered(submit_cdat());
    const auto records = mailbox_->trace();
    ASSERT_EQ(records.size(), 3U + 7U);
    // Header, next handle, and the 16 bytes of the table's own header.
    EXPECT_EQ(records[3].response_length_dw, 2U + 1U + 4U);
    EXPECT_EQ(records[3].begin, start);
    for (std::size_t i = 3; i < records.size(); ++i) {
        const auto& record = records[i];
        EXPECT_EQ(record.purpose, Purpose::request);
        EXPECT_EQ(record.protocol, protocol_table_access);
        EXPECT_EQ(record.request_length_dw, 3U);
        EXPECT_GE(*record.response_time, 20ms);
        EXPECT_LE(*record.response_time, 22ms);
        EXPECT_EQ(record.duration, *record.response_time);
        EXPECT_GE(record.polls, 1U);
        // Ready already where the first look of all saw the response; the first exchange was looked at right after GO.
        const bool seen_at_once = i > 3 && record.polls == 1;
        EXPECT_EQ(record.status.after_go, left_by_discovery | (seen_at_once ? status_ready : 0));
        EXPECT_EQ(record.status.last, left_by_discovery);
        if (i > 3) {
            EXPECT_EQ(record.begin, records[i - 1].begin + records[i - 1].duration);
        }
    }
    EXPECT_EQ(accesses_recorded(), function_->accesses);
}

TEST_F(ATrace, ShowsTheStatusWordsAndTheAbortOfAnExchangeThatTimedOut) {
    claim();
    const auto answer = ask_in_vain();
    ASSERT_TRUE(answer->failed_with(Errc::timeout)) << answer->text();
    const TraceRecord record = last();
    EXPECT_EQ(record.error, Errc::timeout);
    EXPECT_NE(answer->text().find(record.cause.view()), std::string::npos) << record.cause.view();
    EXPECT_EQ(record.duration, 1s);
    EXPECT_EQ(record.response_time, std::nullopt);
    EXPECT_EQ(record.response_length_dw, 0U);
    EXPECT_EQ(record.noticed, Noticed::nothing);
    EXPECT_EQ(record.status, (StatusWords{.after_go = left_by_discovery,
                                          .before_abort = left_by_discovery,
                                          .last = left_by_discovery}));
    EXPECT_EQ(record.abort, AbortResult::done);
    EXPECT_GT(record.polls, 10U);
}

TEST_F(ATrace, ShowsAnAbortThatFailedAndEachRevival) {
    claim();
    function_->stuck_status = status_busy;
    run_until_answered(submit_cdat());
    TraceRecord record = last();
    EXPECT_EQ(record.error, Errc::dead);
    EXPECT_EQ(record.abort, AbortResult::failed);
    EXPECT_EQ(record.purpose, Purpose::request);
    EXPECT_EQ(record.status, (StatusWords{.before_abort = status_busy, .last = status_busy}));
    scheduler_.run_for(1500ms);
    EXPECT_EQ(last().purpose, Purpose::revival);
    EXPECT_EQ(last().abort, AbortResult::under_way);
    EXPECT_FALSE(last().ended);
    scheduler_.run_for(1s);
    record = last();
    EXPECT_EQ(record.purpose, Purpose::revival);
    EXPECT_EQ(record.protocol, std::nullopt);
    EXPECT_EQ(record.abort, AbortResult::failed);
    EXPECT_EQ(record.duration, 1s);
    EXPECT_TRUE(record.ended);
    EXPECT_EQ(mailbox_->status().state, MailboxState::dead);
}

TEST_F(ATrace, TellsWhyAResetWasMade) {
    claim(100ms);
    const auto running = submit_cdat();
    scheduler_.run_for(50ms);
    bool reset = false;
    mailbox_->reset([&](const base::Result<void>&) { reset = true; });
    ASSERT_TRUE(scheduler_.run_until([&] { return reset; }));
    const auto records = mailbox_->trace();
    const auto given_up = std::ranges::find(records, Errc::aborted, &TraceRecord::error);
    ASSERT_NE(given_up, records.end());
    EXPECT_EQ(given_up->purpose, Purpose::request);
    EXPECT_EQ(given_up->abort, AbortResult::done);
    ASSERT_EQ(records.end() - given_up, 1 + 3);
    EXPECT_TRUE(std::all_of(given_up + 1, records.end(), [](const TraceRecord& record) {
        return record.purpose == Purpose::reset;
    }));
    EXPECT_EQ((given_up + 1)->protocol, std::nullopt);
}

TEST_F(ATrace, ShowsTheExchangeThatIsUnderWay) {
    claim(100ms);
    const auto running = submit_cdat();
    scheduler_.run_for(50ms);
    const auto during = last();
    EXPECT_FALSE(during.ended);
    EXPECT_EQ(during.duration, 50ms);
    EXPECT_EQ(during.protocol, protocol_table_access);
    EXPECT_EQ(during.request_length_dw, 3U);
    EXPECT_EQ(during.status.after_go, left_by_discovery);
    EXPECT_EQ(during.abort, AbortResult::not_tried);
    scheduler_.run_for(100ms);
    const auto records = mailbox_->trace();
    const auto after = std::ranges::find(records, during.sequence, &TraceRecord::sequence);
    ASSERT_NE(after, records.end());
    EXPECT_TRUE(after->ended);
}

TEST_F(ATrace, KeepsTheLast64AndWhatADeadMailboxDid) {
    claim();
    for (int i = 0; i < 20; ++i) {
        run_until_answered(submit_cdat());
    }
    function_->stuck_status = status_error;
    run_until_answered(submit_cdat());
    ASSERT_EQ(mailbox_->status().state, MailboxState::dead);
    const auto records = mailbox_->trace();
    ASSERT_EQ(records.size(), 64U);
    EXPECT_EQ(records.back().sequence, 3U + 20U * 7U + 1U);
    EXPECT_EQ(records.front().sequence, records.back().sequence - 63);
}

TEST_F(ATrace, ShowsThatADeviceWentWhileItWasAborted) {
    claim();
    function_->stuck_status = status_error;
    const auto answer = submit_cdat();
    scheduler_.run_for(10ms);
    ASSERT_EQ(last().abort, AbortResult::under_way);
    function_->gone = true;
    run_until_answered(answer);
    EXPECT_TRUE(answer->failed_with(Errc::device_gone)) << answer->text();
    EXPECT_EQ(last().abort, AbortResult::failed);
    EXPECT_EQ(last().status.before_abort, status_error);
}

TEST_F(ATrace, ShowsWhatAGoneDeviceAnsweredLast) {
    claim(100ms);
    const auto running = submit_cdat();
    scheduler_.run_for(50ms);
    function_->gone = true;
    run_until_answered(running);
    EXPECT_EQ(last().error, Errc::device_gone);
    EXPECT_EQ(last().status.last, 0xFFFFFFFFU);
    EXPECT_EQ(last().abort, AbortResult::not_tried);
}

class ATraceWithInterrupts : public AMailboxWithInterrupts {};

TEST_F(ATraceWithInterrupts, TellsWhatBroughtTheResponse) {
    claim_with_interrupts(7ms);
    exchange_once();
    EXPECT_EQ(mailbox_->trace().back().noticed, Noticed::interrupt);
    EXPECT_EQ(mailbox_->trace().back().polls, 0U);
    EXPECT_EQ(mailbox_->trace().back().response_time, 7ms);
    deliver_ = {};
    exchange_once();
    EXPECT_EQ(mailbox_->trace().back().noticed, Noticed::poll);
    EXPECT_EQ(mailbox_->trace().back().polls, 1U);
    EXPECT_EQ(mailbox_->trace().back().response_time, options_.safety_poll);
}

}  // namespace
}  // namespace doed::doe
