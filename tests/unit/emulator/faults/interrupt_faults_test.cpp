// SPDX-License-Identifier: Apache-2.0
//
// Interrupt messages that get lost, come twice or for nothing. What the registers show is the same with and without.
#include "faulty_mailbox.hpp"

namespace doed::emulator {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class AFaultyInterrupt : public AFaultyMailbox {
protected:
    /// How many messages one exchange with Interrupt Enable brings.
    std::size_t messages_of_exchange(RegisterDriver& doe) {
        messages.clear();
        EXPECT_EQ(watch(doe, interrupt_enable_bit), sound);
        return messages.size();
    }
};

TEST_F(AFaultyInterrupt, WithoutFaultComesOnce) {
    RegisterDriver doe = make({});
    EXPECT_EQ(messages_of_exchange(doe), 1U);
    EXPECT_EQ(messages_of_exchange(doe), 1U);
}

TEST_F(AFaultyInterrupt, ThatIsLostDoesNotComeInThatExchange) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::interrupt_lost, 2)});
    EXPECT_EQ(messages_of_exchange(doe), 1U);
    EXPECT_EQ(messages_of_exchange(doe), 0U);
    EXPECT_EQ(messages_of_exchange(doe), 1U);
    EXPECT_EQ(strikes(FaultKind::interrupt_lost), 1U);
}

TEST_F(AFaultyInterrupt, ThatIsDuplicatedComesTwice) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::interrupt_duplicated, 2)});
    EXPECT_EQ(messages_of_exchange(doe), 1U);
    EXPECT_EQ(messages_of_exchange(doe), 2U);
    EXPECT_EQ(messages_of_exchange(doe), 1U);
    EXPECT_EQ(strikes(FaultKind::interrupt_duplicated), 1U);
}

TEST_F(AFaultyInterrupt, ThatIsSpuriousComesAtGoWithoutACause) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::interrupt_spurious, 1)});
    doe.write_object(echo_request);
    doe.go(interrupt_enable_bit);
    EXPECT_THAT(messages, SizeIs(1));
    EXPECT_EQ(doe.status(), 0U);
    doe.pass(response_time);
    EXPECT_EQ(doe.receive(), echo_request);
    EXPECT_THAT(messages, SizeIs(2)) << "the one with a cause";
    EXPECT_EQ(messages_of_exchange(doe), 1U);
    EXPECT_EQ(strikes(FaultKind::interrupt_spurious), 1U);
}

TEST_F(AFaultyInterrupt, NeverComesWithoutInterruptEnable) {
    RegisterDriver doe = make({{.kind = FaultKind::interrupt_lost},
                               {.kind = FaultKind::interrupt_duplicated},
                               {.kind = FaultKind::interrupt_spurious}});
    EXPECT_EQ(watch(doe), sound);
    EXPECT_THAT(messages, IsEmpty());
    EXPECT_EQ(faults->counts().total(), 0U);
}

// As QEMU does it.
TEST_F(AFaultyInterrupt, OfAGoThatIsTakenBeforeInterruptEnableInTheSameWriteDoesNotCome) {
    RegisterDriver doe = make({{.kind = FaultKind::go_before_interrupt_enable}});
    EXPECT_EQ(messages_of_exchange(doe), 0U);
    EXPECT_EQ(doe.read(control_register), interrupt_enable_bit);
    EXPECT_EQ(strikes(FaultKind::go_before_interrupt_enable), 1U);
    EXPECT_EQ(messages_of_exchange(doe), 1U) << "enabled by the write before";
    doe.write(control_register, 0);
    EXPECT_EQ(messages_of_exchange(doe), 0U);
    doe.write(control_register, 0);
    doe.write(control_register, interrupt_enable_bit);
    EXPECT_EQ(messages_of_exchange(doe), 1U) << "enabled by a write of its own";
    EXPECT_EQ(strikes(FaultKind::go_before_interrupt_enable), 2U);
}

TEST_F(AFaultyInterrupt, OfAnErrorCanBeLostToo) {
    RegisterDriver doe = make(
        {FaultRule::at(FaultKind::error_at_go, 1), FaultRule::at(FaultKind::interrupt_lost, 1)});
    EXPECT_EQ(watch(doe, interrupt_enable_bit).status, ". | . . . | IE | IE | IE |");
    EXPECT_THAT(messages, IsEmpty());
    EXPECT_EQ(faults->counts().total(), 2U);
}

}  // namespace
}  // namespace doed::emulator
