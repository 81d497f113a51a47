// SPDX-License-Identifier: Apache-2.0
//
// The exchange machine, driven as a conversation: what it must ask for, and what it is told then.
#include "exchange_fixture.hpp"

namespace doed::doe {
namespace {

TEST_F(AnExchange, SendsTheRequestAndReadsTheResponseInEightAndTwiceRAccesses) {
    begin_and_send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0x00021E98);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 4);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 0xFFFF0000);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 0xCAFEF00D);
    expect_read(reg::status, status_ready);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::status, idle);
    expect_done();
    EXPECT_TRUE(exchange_->outcome().has_value());
    EXPECT_EQ(response_, (std::vector<std::uint32_t>{0xFFFF0000, 0xCAFEF00D}));
    EXPECT_EQ(accesses_, 8 + 2 * 4);
    EXPECT_EQ(exchange_->last_status(), idle);
    EXPECT_FALSE(exchange_->aborted());
}

TEST_F(AnExchange, SavesTheFirstStatusReadWhenTheLastOneIsHandedIn) {
    begin(idle);
    EXPECT_EQ(next_, write(reg::write_mailbox, 0x00021E98));
}

TEST_F(AnExchange, DoesNotTrustAHandedInStatusThatShowsReady) {
    begin(status_ready);
    abort_cleanly();
    EXPECT_EQ(next_, write(reg::write_mailbox, 0x00021E98));
}

TEST_F(AnExchange, WaitsWhileBusyIsSetAndThenSends) {
    begin();
    expect_read(reg::status, status_busy);
    expect_wait(Action::Reason::busy, 1s, 400ms);
    expect_read(reg::status, status_busy);
    expect_wait(Action::Reason::busy, 600ms, 100ms);
    expect_read(reg::status, idle);
    send();
}

TEST_F(AnExchange, ReportsBusyAfterOneSecondAndAborts) {
    begin();
    expect_read(reg::status, status_busy);
    expect_wait(Action::Reason::busy, 1s, 1s);
    expect_read(reg::status, status_busy);
    abort_cleanly();
    expect_failed(Errc::busy);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, AbortsAStaleResponseBeforeItSends) {
    begin();
    expect_read(reg::status, status_ready);
    abort_cleanly();
    send();
    EXPECT_TRUE(exchange_->aborted());
}

TEST_F(AnExchange, AbortsALeftoverErrorBeforeItSends) {
    begin();
    expect_read(reg::status, status_error);
    abort_cleanly();
    send();
}

TEST_F(AnExchange, LooksRightAfterGoAndThenWaitsForOneSecondFromGo) {
    begin_and_send();
    expect_read(reg::status, idle);
    expect_wait(Action::Reason::response, 1s, 250ms);
    expect_read(reg::status, idle);
    expect_wait(Action::Reason::response, 750ms, 10ms);
    expect_read(reg::status, status_ready);
    EXPECT_EQ(exchange_->response_time(), 260ms);
    EXPECT_EQ(next_, read(reg::read_mailbox));
}

TEST_F(AnExchange, TellsWhenTheLookBeganThatShowedTheResponse) {
    begin_and_send();
    now_ += 1ms;  // what the access takes
    expect_read(reg::status, idle);
    expect_wait(Action::Reason::response, 999ms, 5ms);
    now_ += 1ms;
    expect_read(reg::status, status_ready);
    EXPECT_EQ(exchange_->response_time(), 7ms);
    EXPECT_EQ(exchange_->look_time(), 6ms);
}

TEST_F(AnExchange, OfADeviceThatAnswersAtOnceTakesNoTimeHoweverLongAnAccessTakes) {
    begin_and_send();
    now_ += 1ms;
    expect_read(reg::status, status_ready);
    EXPECT_EQ(exchange_->look_time(), 0ms);
}

TEST_F(AnExchange, TimesOutOneSecondAfterGoAndAborts) {
    begin_and_send();
    expect_read(reg::status, idle);
    expect_wait(Action::Reason::response, 1s, 1s);
    expect_read(reg::status, idle);
    abort_cleanly();
    expect_failed(Errc::timeout);
}

TEST_F(AnExchange, TakesAResponseThatIsReadyAtTheVeryDeadline) {
    begin_and_send();
    expect_read(reg::status, idle);
    expect_wait(Action::Reason::response, 1s, 1s);
    expect_read(reg::status, status_ready);
    EXPECT_EQ(next_, read(reg::read_mailbox));
}

TEST_F(AnExchange, LooksAtErrorBeforeReady) {
    begin_and_send();
    expect_read(reg::status, status_error | status_ready);
    abort_cleanly();
    expect_failed(Errc::device_error);
}

TEST_F(AnExchange, ChecksVendorAndTypeBeforeTheFirstAck) {
    for (const std::uint32_t header1 : {0x00000001U, 0x00031E98U, 0x00021E99U}) {
        begin_and_send();
        expect_read(reg::status, status_ready);
        expect_read(reg::read_mailbox, header1);
        EXPECT_EQ(next_, write(reg::control, control_abort));
        abort_cleanly();
        expect_failed(Errc::malformed);
    }
}

TEST_F(AnExchange, IgnoresReservedHeaderBits) {
    begin_and_send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0xAB021E98);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 0xFFFC0003);
    expect_write(reg::read_mailbox, 0);
    EXPECT_EQ(next_, read(reg::read_mailbox));
}

TEST_F(AnExchange, TakesAResponseWithoutPayload) {
    begin_and_send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0x00021E98);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 2);
    expect_read(reg::status, status_ready);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::status, idle);
    expect_done();
    EXPECT_TRUE(exchange_->outcome().has_value());
    EXPECT_TRUE(response_.empty());
}

struct BadLength {
    const char* name;
    std::uint32_t header2;
};

class AnExchangeWithABadLength : public AnExchange,
                                 public testing::WithParamInterface<BadLength> {};

TEST_P(AnExchangeWithABadLength, AbortsInsteadOfReadingOn) {
    begin_and_send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0x00021E98);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, GetParam().header2);
    abort_cleanly();
    expect_failed(Errc::malformed);
}

INSTANTIATE_TEST_SUITE_P(Lengths, AnExchangeWithABadLength,
                         testing::Values(BadLength{"One", 1},
                                         BadLength{"AboveTheProtocolsMaximum", 17},
                                         BadLength{"ZeroWhichMeansTheLargest", 0}),
                         [](const auto& row) { return row.param.name; });

TEST_F(AnExchange, TakesAResponseAsLongAsTheProtocolAllows) {
    begin(idle, 4);
    send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0x00021E98);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 4);
    EXPECT_EQ(next_, write(reg::read_mailbox, 0));
    EXPECT_EQ(exchange_->response_length_dw(), 4U);
}

TEST_F(AnExchange, NoticesThatReadyWasLostBeforeTheLastAck) {
    begin_and_send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0x00021E98);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 3);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 0);
    expect_read(reg::status, idle);
    abort_cleanly();
    expect_failed(Errc::malformed);
}

TEST_F(AnExchange, NoticesAnErrorBeforeTheLastAck) {
    begin_and_send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0x00021E98);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 2);
    expect_read(reg::status, status_ready | status_error);
    abort_cleanly();
    expect_failed(Errc::device_error);
}

TEST_F(AnExchange, NoticesAnErrorAfterTheLastAck) {
    begin_and_send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0x00021E98);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::read_mailbox, 2);
    expect_read(reg::status, status_ready);
    expect_write(reg::read_mailbox, 0);
    expect_read(reg::status, status_error);
    abort_cleanly();
    expect_failed(Errc::device_error);
}

TEST_F(AnExchange, ThatCannotAbortDeclaresTheMailboxDeadAndSaysWhy) {
    begin_and_send();
    expect_read(reg::status, status_error);
    expect_write(reg::control, control_abort);
    expect_read(reg::status, status_error | status_busy);
    expect_wait(Action::Reason::abort, 1s, 1s);
    expect_read(reg::status, status_busy);
    expect_failed(Errc::dead);
    EXPECT_TRUE(exchange_->mailbox_dead());
    EXPECT_NE(exchange_->outcome().error().context().find("Error is set instead of a response"),
              std::string::npos);
}

TEST_F(AnExchange, DoesNotTakeAnAbortForDoneWhileAnObjectIsStillReady) {
    begin_and_send();
    expect_read(reg::status, status_error);
    expect_write(reg::control, control_abort);
    expect_read(reg::status, status_ready);
    expect_wait(Action::Reason::abort, 1s, 10ms);
    expect_read(reg::status, idle);
    expect_failed(Errc::device_error);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, TakesAllOnesForAGoneDeviceOnlyWhenTheCommandRegisterIsGoneToo) {
    begin();
    expect_read(reg::status, 0xFFFFFFFF);
    expect_command(0xFFFFFFFF);
    expect_failed(Errc::device_gone);
    EXPECT_FALSE(exchange_->mailbox_dead());
    EXPECT_FALSE(exchange_->aborted());
}

TEST_F(AnExchange, AbortsAPresentDeviceWhoseStatusIsAllOnes) {
    begin_and_send();
    expect_read(reg::status, 0xFFFFFFFF);
    expect_command(0x00100406);
    abort_cleanly();
    expect_failed(Errc::device_error);
}

TEST_F(AnExchange, FindsTheDeviceGoneWhenItsAbortIsAnsweredWithAllOnes) {
    begin_and_send();
    expect_read(reg::status, status_error);
    expect_write(reg::control, control_abort);
    expect_read(reg::status, 0xFFFFFFFF);
    expect_command(0xFFFFFFFF);
    expect_failed(Errc::device_gone);
}

TEST_F(AnExchange, KeepsUnknownControlBits) {
    setup_.control_preserved = 0x4;
    begin();
    expect_read(reg::status, idle);
    expect_write(reg::write_mailbox, 0x00021E98);
    expect_write(reg::write_mailbox, 3);
    expect_write(reg::write_mailbox, request_[0]);
    expect_write(reg::control, control_go | 0x4);
    expect_read(reg::status, status_error);
    expect_write(reg::control, control_abort | 0x4);
}

TEST_F(AnExchange, GivenUpOnTheWireAborts) {
    begin_and_send();
    expect_read(reg::status, idle);
    exchange_->abandon();
    expect_wait(Action::Reason::response, 1s, 1ms);
    abort_cleanly();
    expect_failed(Errc::aborted);
}

TEST_F(AnExchange, GivenUpWhileItAbortsAStaleResponseIsNotSent) {
    begin();
    expect_read(reg::status, status_ready);
    exchange_->abandon();
    abort_cleanly();
    expect_failed(Errc::aborted);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, GivenUpBeforeItStartedTouchesNothing) {
    exchange_.emplace(setup_, cdat, request_, 16, response_);
    exchange_->abandon();
    next_ = exchange_->resume(Event::start(), now_);
    expect_failed(Errc::aborted);
}

TEST_F(AnExchange, PassesOnThatTheDeviceIsGone) {
    begin();
    expect_access_fails(Errc::device_gone);
    expect_failed(Errc::device_gone);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, PassesOnAFailedAccessOfAMailboxItHasNotTouched) {
    begin();
    expect_access_fails(Errc::io);
    expect_failed(Errc::io);
    EXPECT_FALSE(exchange_->mailbox_dead());
    EXPECT_FALSE(exchange_->aborted());
}

TEST_F(AnExchange, AbortsWhenAnAccessFailedThatMayHaveReachedTheDevice) {
    begin();
    expect_read(reg::status, idle);
    expect_access_fails(Errc::io);
    abort_cleanly();
    expect_failed(Errc::io);
    EXPECT_FALSE(exchange_->mailbox_dead());
    EXPECT_EQ(exchange_->last_status(), idle);
}

TEST_F(AnExchange, AbortsWhenAnAccessFailsAfterGo) {
    begin_and_send();
    expect_access_fails(Errc::io);
    abort_cleanly();
    expect_failed(Errc::io);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, RepeatsAnAbortThatAnAccessFailedIn) {
    begin();
    expect_read(reg::status, status_ready);
    expect_access_fails(Errc::io);
    abort_cleanly();
    expect_write(reg::write_mailbox, 0x00021E98);
}

TEST_F(AnExchange, IsDeadWhenASecondAccessFails) {
    begin_and_send();
    expect_access_fails(Errc::io);
    expect_access_fails(Errc::io);
    expect_failed(Errc::io);
    EXPECT_TRUE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, SaysWhatTheAbortWasForThatAnAccessFailedIn) {
    begin_and_send();
    expect_read(reg::status, status_error);
    expect_access_fails(Errc::io);
    expect_access_fails(Errc::io);
    expect_failed(Errc::io);
    EXPECT_TRUE(exchange_->mailbox_dead());
    EXPECT_NE(exchange_->outcome().error().message().find("Error is set instead of a response"),
              std::string::npos)
        << exchange_->outcome().error().message();
}

TEST_F(AnExchange, ThatClaimsReadsControlOnceMoreWhenThatFails) {
    exchange_.emplace(Exchange::abort_only(setup_));
    next_ = exchange_->resume(Event::start(), now_);
    expect_access_fails(Errc::io);
    expect_read(reg::control, 0);
    abort_cleanly();
    expect_done();
    EXPECT_TRUE(exchange_->outcome());
}

TEST_F(AnExchange, ReportsLockdownWithoutCallingTheMailboxDead) {
    begin();
    expect_read(reg::status, idle);
    const base::Error lockdown(Errc::lockdown);
    next_ = exchange_->resume(Event::failed(lockdown), now_);
    expect_failed(Errc::lockdown);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, ThatClaimsWritesAbortAndWaitsForBusyAndErrorToClear) {
    begin_claim();
    expect_write(reg::control, control_abort);
    expect_read(reg::status, status_busy);
    expect_wait(Action::Reason::abort, 1s, 5ms);
    expect_read(reg::status, idle);
    expect_done();
    EXPECT_TRUE(exchange_->outcome().has_value());
}

TEST_F(AnExchange, RemembersTheStatusWordsThatTellItsStory) {
    begin();
    expect_read(reg::status, status_interrupt);
    send();
    EXPECT_EQ(exchange_->status_words(), (StatusWords{.last = status_interrupt}));
    expect_read(reg::status, status_busy);
    expect_wait(Action::Reason::response, 1s, 1s);
    expect_read(reg::status, status_busy | status_interrupt);
    expect_write(reg::control, control_abort);
    expect_read(reg::status, idle);
    expect_failed(Errc::timeout);
    EXPECT_EQ(exchange_->status_words(),
              (StatusWords{.after_go = status_busy,
                           .before_abort = status_busy | status_interrupt,
                           .last = idle}));
}

TEST_F(AnExchange, RemembersTheStatusBeforeTheLastOfItsAborts) {
    begin();
    expect_read(reg::status, status_ready);
    abort_cleanly();
    send();
    expect_read(reg::status, status_error | status_busy);
    abort_cleanly();
    expect_failed(Errc::device_error);
    EXPECT_EQ(exchange_->status_words().before_abort, status_error | status_busy);
}

TEST_F(AnExchange, ThatClaimsLearnsTheControlBitsToKeep) {
    begin_claim(control_abort | control_go | control_interrupt_enable | 0x10);
    expect_write(reg::control, control_abort | 0x10);
    expect_read(reg::status, idle);
    expect_done();
    EXPECT_EQ(exchange_->control_preserved(), 0x10U);
    EXPECT_EQ(exchange_->request_length_dw(), 0U);
}

TEST(ADataObjectHeader, CodesTheLargestLengthAsZero) {
    EXPECT_EQ(encode_header2(max_object_length_dw), 0U);
    EXPECT_EQ(decode_header2(0), max_object_length_dw);
    EXPECT_EQ(decode_header2(0xFFFC0007), 7U);
    EXPECT_EQ(decode_header1(encode_header1(cdat)), cdat);
}

}  // namespace
}  // namespace doed::doe
