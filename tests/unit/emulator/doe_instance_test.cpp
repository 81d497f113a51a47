// SPDX-License-Identifier: Apache-2.0
#include "emulator/doe_instance.hpp"

#include "emulator/environment.hpp"
#include "emulator/protocols/echo_responder.hpp"
#include "emulator/protocols/table_access_responder.hpp"
#include "register_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Dwords echo_request{echo_header1, 3, 0x11111111};

class ADoeInstance : public testing::Test {
protected:
    static std::vector<std::unique_ptr<Responder>> echo() {
        std::vector<std::unique_ptr<Responder>> responders;
        responders.push_back(std::make_unique<EchoResponder>());
        return responders;
    }
    static constexpr ResponseTimeRange one_millisecond{1ms, 1ms};

    RegisterDriver make(const DoeInstanceOptions& options) {
        return {clock, options, echo(),
                [this](std::uint16_t message) { messages.push_back(message); }};
    }

    VirtualClock clock;
    std::vector<std::uint16_t> messages;
    RegisterDriver doe = make({.interrupt_message = 5, .response_time = one_millisecond});
};

TEST_F(ADoeInstance, ReadsIdleAtStart) {
    EXPECT_EQ(doe.read(control_register), 0U);
    EXPECT_EQ(doe.status(), 0U);
    EXPECT_EQ(doe.read(write_mailbox_register), 0U);
    EXPECT_EQ(doe.read(read_mailbox_register), 0U);
}

TEST_F(ADoeInstance, NamesItsInterruptMessage) {
    EXPECT_EQ(doe.read(capabilities_register), 1U | 5U << 1);
}

TEST_F(ADoeInstance, SaysSoWhenItHasNoInterrupt) {
    RegisterDriver silent = make({.interrupt_support = false, .interrupt_message = 5});
    EXPECT_EQ(silent.read(capabilities_register), 0U);
    silent.write(control_register, interrupt_enable_bit);
    EXPECT_EQ(silent.read(control_register), 0U);
    silent.send(echo_request);
    EXPECT_EQ(silent.status(), ready_bit);
    EXPECT_THAT(messages, IsEmpty());
}

TEST_F(ADoeInstance, SetsReadyWhenItsResponseTimeHasPassedAndNotBefore) {
    doe.send(echo_request);
    EXPECT_EQ(doe.status(), 0U);
    doe.pass(1ms - 1ns);
    EXPECT_EQ(doe.status(), 0U);
    doe.pass(1ns);
    EXPECT_EQ(doe.status(), ready_bit | interrupt_status_bit);
}

TEST_F(ADoeInstance, WithNoRoomForASecondObjectIsBusyFromGoUntilReady) {
    RegisterDriver full = make({.response_time = one_millisecond, .busy_while_processing = true});
    for (const auto dword : echo_request) {
        full.write(write_mailbox_register, dword);
        EXPECT_EQ(full.status(), 0U);
    }
    full.go();
    EXPECT_EQ(full.status(), busy_bit);
    full.pass(1ms - 1ns);
    EXPECT_EQ(full.status(), busy_bit);
    full.pass(1ns);
    EXPECT_EQ(full.status(), ready_bit | interrupt_status_bit);
    EXPECT_THAT(full.receive(), ElementsAre(echo_header1, 3, 0x11111111));
    EXPECT_EQ(full.status(), interrupt_status_bit);
}

TEST_F(ADoeInstance, WithNoRoomForASecondObjectLosesWhatIsWrittenMeanwhile) {
    RegisterDriver full = make({.response_time = one_millisecond, .busy_while_processing = true});
    full.send(echo_request);
    full.send({echo_header1, 3, 0x22222222});
    full.pass(1ms);
    EXPECT_THAT(full.receive(), ElementsAre(echo_header1, 3, 0x11111111));
    EXPECT_THAT(full.exchange(echo_request), ElementsAre(echo_header1, 3, 0x11111111));
}

TEST_F(ADoeInstance, WithNoRoomForASecondObjectHasRoomAfterAnAbort) {
    RegisterDriver full = make({.response_time = one_millisecond, .busy_while_processing = true});
    full.send(echo_request);
    full.abort();
    EXPECT_EQ(full.status(), 0U);
    EXPECT_THAT(full.exchange(echo_request), ElementsAre(echo_header1, 3, 0x11111111));
}

TEST_F(ADoeInstance, WithoutResponseTimeIsReadyAtOnce) {
    RegisterDriver quick = make({});
    quick.send(echo_request);
    EXPECT_TRUE(quick.ready());
}

TEST_F(ADoeInstance, TellsWhenItIsReadyNext) {
    EXPECT_EQ(doe.instance().next_event(), std::nullopt);
    doe.send(echo_request);
    EXPECT_EQ(doe.instance().next_event(), clock.now + 1ms);
    doe.pass(1ms);
    doe.instance().settle();
    EXPECT_EQ(doe.instance().next_event(), std::nullopt);
}

TEST_F(ADoeInstance, GivesItsResponseDwordByDwordAndThenClearsReady) {
    doe.send(echo_request);
    doe.pass(1ms);
    for (const std::uint32_t expected : {echo_header1, 3U, 0x11111111U}) {
        EXPECT_TRUE(doe.ready());
        EXPECT_EQ(doe.read(read_mailbox_register), expected);
        EXPECT_EQ(doe.read(read_mailbox_register), expected) << "a read does not advance";
        doe.acknowledge();
    }
    EXPECT_FALSE(doe.ready());
    EXPECT_EQ(doe.read(read_mailbox_register), 0U);
}

TEST_F(ADoeInstance, TakesAnyValueAsAcknowledgement) {
    doe.send(echo_request);
    doe.pass(1ms);
    doe.write(read_mailbox_register, 0xFFFFFFFF);
    EXPECT_EQ(doe.read(read_mailbox_register), 3U);
}

TEST_F(ADoeInstance, ReadsZeroAndTakesNoAcknowledgementWhileNotReady) {
    doe.acknowledge();
    doe.send(echo_request);
    EXPECT_EQ(doe.read(read_mailbox_register), 0U);
    doe.acknowledge();
    doe.pass(1ms);
    EXPECT_THAT(doe.receive(), ElementsAre(echo_header1, 3, 0x11111111));
    doe.acknowledge();
    EXPECT_EQ(doe.status() & (error_bit | ready_bit), 0U) << "no underflow";
}

TEST_F(ADoeInstance, ServesOneExchangeAfterTheOther) {
    for (std::uint32_t round = 0; round < 3; ++round) {
        EXPECT_THAT(doe.exchange({echo_header1, 3, round}), ElementsAre(echo_header1, 3, round));
    }
}

TEST_F(ADoeInstance, IgnoresTheReservedBitsOfAHeader) {
    EXPECT_THAT(doe.exchange({0xFF000000 | echo_header1, 0xFFFC0000 | 3, 7}),
                ElementsAre(echo_header1, 3, 7));
}

TEST_F(ADoeInstance, TakesAnObjectWithoutPayload) {
    EXPECT_THAT(doe.exchange({echo_header1, 2}), ElementsAre(echo_header1, 2));
}

// 2^18 dwords are coded as length 0.
TEST_F(ADoeInstance, TakesTheLongestObject) {
    Dwords longest(1U << 18, 0xA5A5A5A5);
    longest[0] = echo_header1;
    longest[1] = 0;
    EXPECT_EQ(doe.exchange(longest), longest);
}

TEST_F(ADoeInstance, IsSilentWhenTheObjectIsLongerThanTheLongest) {
    Dwords longer((1U << 18) + 1, 0);
    longer[0] = echo_header1;
    EXPECT_THAT(doe.exchange(longer), IsEmpty());
    EXPECT_EQ(doe.status(), 0U);
}

struct Discarded {
    const char* name;
    Dwords object;
};

class ADiscardedObject : public ADoeInstance, public testing::WithParamInterface<Discarded> {};

TEST_P(ADiscardedObject, IsAnsweredWithSilence) {
    doe.write(control_register, interrupt_enable_bit);
    doe.write_object(GetParam().object);
    doe.go(interrupt_enable_bit);
    doe.pass(10s);
    EXPECT_EQ(doe.status(), 0U);
    EXPECT_THAT(messages, IsEmpty());
    EXPECT_THAT(doe.exchange(echo_request), ElementsAre(echo_header1, 3, 0x11111111))
        << "the next object is not disturbed";
}

INSTANTIATE_TEST_SUITE_P(
    Every, ADiscardedObject,
    testing::Values(Discarded{"Empty", {}}, Discarded{"HalfAHeader", {echo_header1}},
                    Discarded{"ShorterThanItsLength", {echo_header1, 4, 0}},
                    Discarded{"LongerThanItsLength", {echo_header1, 3, 0, 0}},
                    Discarded{"LengthOne", {echo_header1, 1}},
                    Discarded{"LengthZeroOfAShortObject", {echo_header1, 0, 0}},
                    Discarded{"OtherType", {0x0043D0ED, 3, 0}},
                    Discarded{"OtherVendor", {0x0042D0EC, 3, 0}},
                    Discarded{"NotDefinedByItsProtocol", {0x00000001, 2}}),
    [](const auto& test) { return test.param.name; });

TEST_F(ADoeInstance, SetsErrorWhenAnObjectComesBeforeTheResponseIsReady) {
    doe.send(echo_request);
    doe.send(echo_request);
    EXPECT_TRUE(doe.error());
    doe.pass(1s);
    EXPECT_TRUE(doe.error());
    EXPECT_FALSE(doe.ready()) << "the earlier response is lost";
}

TEST_F(ADoeInstance, SetsErrorWhenAnObjectComesBeforeTheResponseIsReadToItsEnd) {
    doe.send(echo_request);
    doe.pass(1ms);
    doe.acknowledge();
    doe.send(echo_request);
    EXPECT_EQ(doe.status(), error_bit | interrupt_status_bit);
    EXPECT_EQ(doe.read(read_mailbox_register), 0U);
}

TEST_F(ADoeInstance, KeepsTheResponseWhileTheNextObjectIsWritten) {
    doe.send(echo_request);
    doe.pass(1ms);
    doe.write_object({echo_header1, 3, 0x22222222});
    EXPECT_THAT(doe.receive(), ElementsAre(echo_header1, 3, 0x11111111));
    doe.go();
    doe.pass(1ms);
    EXPECT_THAT(doe.receive(), ElementsAre(echo_header1, 3, 0x22222222));
}

TEST_F(ADoeInstance, StaysInErrorUntilItIsAborted) {
    doe.send(echo_request);
    doe.send(echo_request);
    EXPECT_THAT(doe.exchange(echo_request), IsEmpty());
    EXPECT_TRUE(doe.error());
    doe.abort();
    EXPECT_FALSE(doe.error());
    EXPECT_THAT(doe.exchange(echo_request), ElementsAre(echo_header1, 3, 0x11111111));
}

TEST_F(ADoeInstance, ForgetsAHalfWrittenObjectWhenAborted) {
    doe.write_object({echo_header1, 3});
    doe.abort();
    EXPECT_THAT(doe.exchange(echo_request), ElementsAre(echo_header1, 3, 0x11111111));
}

TEST_F(ADoeInstance, ForgetsTheResponseItIsMakingWhenAborted) {
    doe.send(echo_request);
    doe.abort();
    doe.pass(1s);
    EXPECT_EQ(doe.status(), 0U);
}

TEST_F(ADoeInstance, ForgetsTheResponseItGivesOutWhenAborted) {
    doe.send(echo_request);
    doe.pass(1ms);
    doe.acknowledge();
    doe.abort();
    EXPECT_FALSE(doe.ready());
    EXPECT_THAT(doe.exchange(echo_request), ElementsAre(echo_header1, 3, 0x11111111));
}

TEST_F(ADoeInstance, TakesAbortBeforeGoInOneWrite) {
    doe.write_object(echo_request);
    doe.write(control_register, abort_bit | go_bit);
    doe.pass(1s);
    EXPECT_EQ(doe.status(), 0U);
}

TEST_F(ADoeInstance, IsBusyForAsLongAsItsAbortTakes) {
    RegisterDriver slow = make({.abort_time = 2ms});
    slow.abort();
    EXPECT_EQ(slow.status(), busy_bit);
    EXPECT_EQ(slow.instance().next_event(), clock.now + 2ms);
    slow.pass(2ms - 1ns);
    EXPECT_EQ(slow.status(), busy_bit);
    slow.pass(1ns);
    EXPECT_EQ(slow.status(), 0U);
}

TEST_F(ADoeInstance, DoesNotProlongAnAbortByASecondOne) {
    RegisterDriver slow = make({.abort_time = 2ms});
    slow.abort();
    slow.pass(1ms);
    slow.abort();
    slow.pass(1ms);
    EXPECT_FALSE(slow.busy());
}

TEST_F(ADoeInstance, TakesNothingWhileBusy) {
    RegisterDriver slow = make({.abort_time = 2ms});
    slow.abort();
    slow.send(echo_request);
    slow.write_object({echo_header1});
    slow.pass(2ms);
    EXPECT_THAT(slow.exchange(echo_request), ElementsAre(echo_header1, 3, 0x11111111));
}

TEST_F(ADoeInstance, IsNotBusyWhileItMakesAResponse) {
    doe.send(echo_request);
    EXPECT_FALSE(doe.busy());
}

TEST_F(ADoeInstance, ReadsBackOnlyInterruptEnable) {
    doe.write(control_register, 0x7FFFFFFE);
    EXPECT_EQ(doe.read(control_register), interrupt_enable_bit);
    doe.write(control_register, 0);
    EXPECT_EQ(doe.read(control_register), 0U);
}

TEST_F(ADoeInstance, SendsOneMessageWhenReadyBecomesSet) {
    doe.write_object(echo_request);
    doe.go(interrupt_enable_bit);
    doe.pass(1ms);
    EXPECT_THAT(messages, IsEmpty()) << "nothing runs between accesses";
    doe.instance().settle();
    EXPECT_THAT(messages, ElementsAre(5));
    EXPECT_TRUE(doe.ready());
    EXPECT_THAT(messages, ElementsAre(5));
}

TEST_F(ADoeInstance, SendsAMessageWhenErrorBecomesSet) {
    doe.write_object(echo_request);
    doe.go(interrupt_enable_bit);
    doe.go(interrupt_enable_bit);
    EXPECT_THAT(messages, ElementsAre(5));
}

TEST_F(ADoeInstance, SendsNoMessageWithoutInterruptEnable) {
    EXPECT_FALSE(doe.exchange(echo_request).empty());
    EXPECT_TRUE(doe.interrupt_status());
    EXPECT_THAT(messages, IsEmpty());
}

TEST_F(ADoeInstance, SendsNoMessageWhileInterruptStatusIsStillSet) {
    EXPECT_FALSE(doe.exchange(echo_request).empty());
    doe.write_object(echo_request);
    doe.go(interrupt_enable_bit);
    doe.pass(1ms);
    EXPECT_TRUE(doe.ready());
    EXPECT_THAT(messages, IsEmpty());
}

TEST_F(ADoeInstance, SendsAMessagePerResponseWhenInterruptStatusIsClearedBefore) {
    for (int round = 0; round < 2; ++round) {
        doe.write_object(echo_request);
        doe.write(status_register, interrupt_status_bit);
        doe.go(interrupt_enable_bit);
        doe.pass(1ms);
        EXPECT_FALSE(doe.receive().empty());
    }
    EXPECT_THAT(messages, ElementsAre(5, 5));
}

TEST_F(ADoeInstance, ClearsInterruptStatusByWritingOneAndNothingElseOfStatus) {
    doe.send(echo_request);
    doe.pass(1ms);
    doe.write(status_register, ~interrupt_status_bit);
    EXPECT_EQ(doe.status(), ready_bit | interrupt_status_bit);
    doe.write(status_register, interrupt_status_bit);
    EXPECT_EQ(doe.status(), ready_bit);
}

TEST_F(ADoeInstance, KeepsInterruptStatusOverAnAbort) {
    EXPECT_FALSE(doe.exchange(echo_request).empty());
    doe.abort();
    EXPECT_EQ(doe.status(), interrupt_status_bit);
}

TEST_F(ADoeInstance, DrawsEveryResponseTimeAnew) {
    RegisterDriver jittery = make({.response_time = {100us, 900us}, .seed = 7});
    ResponseTime expected({100us, 900us}, 7);
    for (int round = 0; round < 3; ++round) {
        const base::TimePoint sent = clock.now;
        jittery.send(echo_request);
        EXPECT_EQ(jittery.instance().next_event(), sent + expected.next());
        jittery.pass(1ms);
        EXPECT_FALSE(jittery.receive().empty());
    }
}

}  // namespace
}  // namespace doed::emulator
