// SPDX-License-Identifier: Apache-2.0
//
// What a mailbox that is polled learns of its device: how long it takes, and how often it may be looked at.
#include "mailbox_fixture.hpp"

namespace doed::doe {
namespace {

class APolledMailbox : public AMailbox {
protected:
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
    claim(5ms);
    EXPECT_EQ(std::ranges::count(states_, MailboxState::dead), 2);
    // The trial of a shorter pause, after 64 responses.
    int failed = 0;
    for (int i = 0; i < 20; ++i) {
        const auto answer = submit_cdat();
        run_until_answered(answer);
        failed += answer->succeeded() ? 0 : 1;
    }
    EXPECT_EQ(failed, 1);
    EXPECT_EQ(mailbox_->status().poll_floor, 3200us);
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
