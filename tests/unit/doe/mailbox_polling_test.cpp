// SPDX-License-Identifier: Apache-2.0
//
// What a mailbox that is polled learns of its device: how long it takes, and how often it may be looked at.
#include "mailbox_fixture.hpp"

namespace doed::doe {
namespace {

class APolledMailbox : public AMailbox {
protected:
    /// How many of as many table reads fail, each at its first exchange that does.
    int failed_tables(int tables) {
        int failed = 0;
        for (int i = 0; i < tables; ++i) {
            const auto answer = submit_cdat();
            run_until_answered(answer);
            failed += answer->succeeded() ? 0 : 1;
            highest_floor_ = std::max(highest_floor_, mailbox_->status().poll_floor);
        }
        return failed;
    }
    /// A table read; the looks at each of its exchanges.
    std::vector<std::uint32_t> looks() {
        const base::TimePoint begin = scheduler_.now();
        const auto answer = submit_cdat();
        run_until_answered(answer);
        EXPECT_TRUE(answer->succeeded()) << answer->text();
        std::vector<std::uint32_t> counts;
        for (const auto& record : mailbox_->trace()) {
            if (record.begin >= begin) {
                counts.push_back(record.polls);
            }
        }
        return counts;
    }

    base::Duration highest_floor_{};  ///< that failed_tables() saw
};

TEST_F(APolledMailbox, IsLookedAtTwiceForEachResponseOnceItIsKnown) {
    claim(20ms);
    EXPECT_GT(looks().front(), 20U) << "nothing was known";
    looks();
    EXPECT_THAT(looks(), testing::AllOf(testing::SizeIs(7), testing::Each(testing::Le(2U))));
}

TEST_F(APolledMailbox, IsNotLookedAtRightAfterGoWhenItIsKnownToBeSlow) {
    claim(20ms);
    looks();
    const base::TimePoint begin = scheduler_.now();
    looks();
    int exchanges = 0;
    for (const auto& record : mailbox_->trace()) {
        if (record.begin >= begin) {
            // Beside the dwords: a look before the last is acknowledged, one after; and before the first exchange.
            EXPECT_EQ(record.reads,
                      record.polls + record.response_length_dw + (exchanges == 0 ? 3U : 2U));
            ++exchanges;
        }
    }
    EXPECT_EQ(exchanges, 7);
}

TEST_F(APolledMailbox, IsLookedAtRightAfterGoWhenItAnswersAtOnceHoweverLongAccessesTake) {
    claim(0ms);
    function_->before_read = [this] { scheduler_.advance(300us); };
    for (int i = 0; i < 3; ++i) {
        EXPECT_THAT(looks(), testing::Each(0U));
    }
}

TEST_F(APolledMailbox, LearnsThatItsDeviceFailsWhenItIsLookedAtTooOften) {
    faults_ = {{.kind = emulator::FaultKind::error_when_polled, .time = 1ms}};
    claim({3ms, 7ms});
    EXPECT_EQ(std::ranges::count(states_, MailboxState::dead), 2);
    // The trials of shorter pauses: after 16 responses, 32, 64, and so on.
    EXPECT_EQ(failed_tables(20), 3);
    EXPECT_EQ(failed_tables(380), 4);
    EXPECT_EQ(mailbox_->status().poll_floor, 3200us);
}

TEST_F(APolledMailbox, DoesNotFailADeviceThatIsToBeLookedAtSeldomOnceItsTimeIsKnown) {
    faults_ = {{.kind = emulator::FaultKind::error_when_polled, .time = 1ms}};
    claim(50ms);
    EXPECT_EQ(std::ranges::count(states_, MailboxState::dead), 2);
    EXPECT_EQ(failed_tables(100), 0);
    EXPECT_EQ(mailbox_->status().poll_floor, 50us);
}

TEST_F(APolledMailbox, IsLookedAtAsOftenAsBeforeSoonAfterItsDeviceWasSilent) {
    faults_ = {emulator::FaultRule::at(emulator::FaultKind::never_ready, 100, 4)};
    claim(5ms);
    EXPECT_EQ(failed_tables(20), 4);
    EXPECT_EQ(highest_floor_, 25'600us) << "three steps: the first failure is not held against it";
    EXPECT_EQ(mailbox_->status().poll_floor, 50us);
    const base::TimePoint begin = scheduler_.now();
    EXPECT_EQ(failed_tables(1), 0);
    EXPECT_LE(scheduler_.now() - begin, 7 * 5500us);
}

TEST_F(APolledMailbox, DoesNotTakeTheRaisedFloorForWhatItsDeviceTakes) {
    faults_ = {emulator::FaultRule::at(emulator::FaultKind::never_ready, 10, 4)};
    claim(1ms);
    EXPECT_EQ(failed_tables(8), 4);
    EXPECT_GT(highest_floor_, 50us);
    EXPECT_EQ(mailbox_->status().poll_floor, 50us);
    const base::TimePoint begin = scheduler_.now();
    EXPECT_EQ(failed_tables(1), 0);
    EXPECT_LE(scheduler_.now() - begin, 7 * 1100us);
}

TEST_F(APolledMailbox, IsLeftAloneForLongerAlsoAfterAFailureWhoseAbortFails) {
    using enum emulator::FaultKind;
    faults_ = {emulator::FaultRule::at(error_in_response, 3, 1),
               emulator::FaultRule::at(abort_fails, 2, 1)};
    claim(5ms);
    const auto answer = submit_cdat();
    run_until_answered(answer);
    EXPECT_TRUE(answer->failed_with(Errc::dead)) << answer->text();
    EXPECT_EQ(mailbox_->status().poll_floor, 400us);
}

TEST_F(APolledMailbox, IsLookedAtNoSoonerAtTheEndOfItsTime) {
    options_.poll = {.floor = 300ms, .cap = 300ms};
    faults_ = {emulator::FaultRule::at(emulator::FaultKind::never_ready, 3, 1)};
    claim(0ms);
    std::vector<base::TimePoint> looks{scheduler_.now()};
    function_->before_read = [&] {
        if (scheduler_.now() != looks.back()) {
            looks.push_back(scheduler_.now());
        }
    };
    EXPECT_EQ(failed_tables(1), 1);
    const auto go = looks.front();
    EXPECT_EQ(looks, (std::vector{go, go + 300ms, go + 600ms, go + 1s}));
}

TEST_F(APolledMailbox, ThatIsToBeLeftAloneIsLookedAtAsConfiguredWhileItAborts) {
    using enum emulator::FaultKind;
    faults_ = {{.kind = abort_hangs, .time = 2ms},
               emulator::FaultRule::at(error_in_response, 3, 4)};
    claim(5ms);
    EXPECT_EQ(failed_tables(3), 3);
    EXPECT_EQ(mailbox_->status().poll_floor, 25'600us);
    base::TimePoint aborted;
    function_->after_write = [&](std::uint16_t offset, std::uint32_t value) {
        if (offset == reg::control && (value & control_abort) != 0) {
            aborted = scheduler_.now();
        }
    };
    const auto answer = submit_cdat();
    run_until_answered(answer);
    EXPECT_TRUE(answer->failed_with(Errc::device_error)) << answer->text();
    EXPECT_LE(answer->when - aborted, 2200us);
}

TEST_F(APolledMailbox, ThatIsToBeLeftAloneIsLookedAtAsConfiguredWhileItIsBusy) {
    using enum emulator::FaultKind;
    faults_ = {{.kind = busy, .time = 2ms}, emulator::FaultRule::at(error_in_response, 3, 3)};
    claim(5ms);
    EXPECT_EQ(failed_tables(3), 3);
    EXPECT_EQ(mailbox_->status().poll_floor, 25'600us);
    std::vector<base::TimePoint> begun;
    std::vector<base::TimePoint> gone;
    function_->after_write = [&](std::uint16_t offset, std::uint32_t value) {
        if (offset == reg::control && (value & control_go) != 0) {
            gone.push_back(scheduler_.now());
        }
    };
    EXPECT_EQ(failed_tables(1), 0);
    for (const auto& record : mailbox_->trace()) {
        if (record.purpose == Purpose::request && !record.error) {
            begun.push_back(record.begin);
        }
    }
    ASSERT_EQ(gone.size(), 7U);
    ASSERT_EQ(begun.size(), 7U);
    for (std::size_t i = 1; i < gone.size(); ++i) {
        EXPECT_GE(gone[i] - begun[i], 1900us) << "it was busy";
        EXPECT_LE(gone[i] - begun[i], 2200us);
    }
}

TEST_F(APolledMailbox, ThatIsConfiguredToBeLookedAtSeldomIsNeverLookedAtMoreOften) {
    faults_ = {{.kind = emulator::FaultKind::error_when_polled, .time = 10ms}};
    options_.poll = {.floor = 10ms, .cap = 10ms};
    claim(5ms);
    for (int i = 0; i < 10; ++i) {
        const auto answer = submit_cdat();
        run_until_answered(answer);
        EXPECT_TRUE(answer->succeeded()) << answer->text();
    }
}

}  // namespace
}  // namespace doed::doe
