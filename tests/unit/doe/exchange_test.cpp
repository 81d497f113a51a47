// SPDX-License-Identifier: Apache-2.0
//
// The exchange machine, driven as a conversation: what it must ask for, and what it is told then.
#include "doe/exchange.hpp"

#include "doe/data_object.hpp"
#include "doe/registers.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace doed::doe {

// For failure messages.
void PrintTo(const Action& action, std::ostream* out) {
    static constexpr const char* kinds[] = {"read", "write", "wait", "done"};
    *out << kinds[static_cast<int>(action.kind)] << " offset 0x" << std::hex << action.offset << " value 0x"
         << action.value << std::dec << " reason " << static_cast<int>(action.reason) << " deadline "
         << action.deadline.time_since_epoch().count();
}

namespace {

using namespace std::chrono_literals;
using base::Errc;

constexpr std::uint16_t cap = 0x190;
constexpr std::uint32_t idle = 0;
constexpr Protocol cdat = protocol_table_access;

class AnExchange : public testing::Test {
protected:
    static Action read(std::uint16_t reg) {
        return {.kind = Action::Kind::read, .offset = static_cast<std::uint16_t>(cap + reg)};
    }
    static Action write(std::uint16_t reg, std::uint32_t value) {
        return {.kind = Action::Kind::write, .offset = static_cast<std::uint16_t>(cap + reg), .value = value};
    }
    static Action wait(Action::Reason reason, base::TimePoint deadline) {
        return {.kind = Action::Kind::wait, .reason = reason, .deadline = deadline};
    }
    static Action done() { return {.kind = Action::Kind::done}; }
    static Action read_command() { return {.kind = Action::Kind::read, .offset = 4}; }

    void begin(std::optional<std::uint32_t> known_status = std::nullopt, std::uint32_t max_response_dw = 16) {
        exchange_.emplace(setup_, cdat, request_, max_response_dw, response_, known_status);
        next_ = exchange_->resume(Event::start(), now_);
    }
    void begin_abort() {
        exchange_.emplace(Exchange::abort_only(setup_));
        next_ = exchange_->resume(Event::start(), now_);
    }

    // Each step: the action that must have been asked for, then the event it leads to.
    void expect_read(std::uint16_t reg, std::uint32_t value) {
        EXPECT_EQ(next_, read(reg)) << "before access " << accesses_;
        ++accesses_;
        next_ = exchange_->resume(Event::read(value), now_);
    }
    void expect_write(std::uint16_t reg, std::uint32_t value) {
        EXPECT_EQ(next_, write(reg, value)) << "before access " << accesses_;
        ++accesses_;
        next_ = exchange_->resume(Event::written(), now_);
    }
    void expect_wait(Action::Reason reason, base::Duration deadline_from_now, base::Duration slept) {
        EXPECT_EQ(next_, wait(reason, now_ + deadline_from_now));
        now_ += slept;
        next_ = exchange_->resume(Event::wake(), now_);
    }
    void expect_command(std::uint32_t value) {
        EXPECT_EQ(next_, read_command());
        next_ = exchange_->resume(Event::read(value), now_);
    }
    void expect_done() { EXPECT_EQ(next_, done()); }
    void expect_failed(Errc code) {
        expect_done();
        ASSERT_FALSE(exchange_->outcome().has_value());
        EXPECT_EQ(exchange_->outcome().error().code(), code) << exchange_->outcome().error().message();
    }

    void send() {
        expect_write(reg::write_mailbox, 0x00021E98);
        expect_write(reg::write_mailbox, 3);
        expect_write(reg::write_mailbox, request_[0]);
        expect_write(reg::control, control_go);
    }
    void begin_and_send() {
        begin();
        expect_read(reg::status, idle);
        send();
    }
    void abort_cleanly() {
        expect_write(reg::control, control_abort);
        expect_read(reg::status, idle);
    }

    ExchangeSetup setup_{.capability_offset = cap};
    std::vector<std::uint32_t> request_{0x00010000};
    std::vector<std::uint32_t> response_;
    std::optional<Exchange> exchange_;
    base::TimePoint now_{1h};
    Action next_;
    int accesses_ = 0;
};

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

TEST_F(AnExchange, ChecksTheProtocolBeforeTheFirstAck) {
    begin_and_send();
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0x00000001);
    EXPECT_EQ(next_, write(reg::control, control_abort));
    abort_cleanly();
    expect_failed(Errc::malformed);
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

class AnExchangeWithABadLength : public AnExchange, public testing::WithParamInterface<BadLength> {};

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
                         testing::Values(BadLength{"One", 1}, BadLength{"AboveTheProtocolsMaximum", 17},
                                         BadLength{"ZeroWhichMeansTheLargest", 0}),
                         [](const auto& row) { return row.param.name; });

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
    EXPECT_NE(exchange_->outcome().error().context().find("Error is set instead of a response"), std::string::npos);
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
    expect_read(reg::status, status_ready);
    expect_read(reg::read_mailbox, 0xFFFFFFFF);
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

TEST_F(AnExchange, InInterruptModeClearsTheStatusAndKeepsInterruptsEnabledWithGo) {
    setup_.interrupt = true;
    begin();
    expect_read(reg::status, idle);
    expect_write(reg::write_mailbox, 0x00021E98);
    expect_write(reg::write_mailbox, 3);
    expect_write(reg::write_mailbox, request_[0]);
    expect_write(reg::status, status_interrupt);
    expect_write(reg::control, control_go | control_interrupt_enable);
}

TEST_F(AnExchange, GivenUpOnTheWireAborts) {
    begin_and_send();
    expect_read(reg::status, idle);
    exchange_->abandon();
    expect_wait(Action::Reason::response, 1s, 1ms);
    abort_cleanly();
    expect_failed(Errc::aborted);
}

TEST_F(AnExchange, GivenUpBeforeItStartedTouchesNothing) {
    exchange_.emplace(setup_, cdat, request_, 16, response_);
    exchange_->abandon();
    next_ = exchange_->resume(Event::start(), now_);
    expect_failed(Errc::aborted);
}

TEST_F(AnExchange, PassesOnAFailedAccessAndNeedsAnAbortWhenItHadBegunToWrite) {
    begin();
    const base::Error unplugged(Errc::device_gone);
    next_ = exchange_->resume(Event::failed(unplugged), now_);
    expect_failed(Errc::device_gone);
    EXPECT_FALSE(exchange_->mailbox_dead());

    begin();
    expect_read(reg::status, idle);
    expect_write(reg::write_mailbox, 0x00021E98);
    const base::Error refused(Errc::io);
    next_ = exchange_->resume(Event::failed(refused), now_);
    expect_failed(Errc::io);
    EXPECT_TRUE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, ReportsLockdownWithoutCallingTheMailboxDead) {
    begin();
    expect_read(reg::status, idle);
    const base::Error lockdown(Errc::lockdown);
    next_ = exchange_->resume(Event::failed(lockdown), now_);
    expect_failed(Errc::lockdown);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_F(AnExchange, ThatOnlyAbortsWritesAbortAndWaitsForBusyAndErrorToClear) {
    begin_abort();
    expect_write(reg::control, control_abort);
    expect_read(reg::status, status_busy);
    expect_wait(Action::Reason::abort, 1s, 5ms);
    expect_read(reg::status, idle);
    expect_done();
    EXPECT_TRUE(exchange_->outcome().has_value());
}

TEST(ADataObjectHeader, CodesTheLargestLengthAsZero) {
    EXPECT_EQ(encode_header2(max_object_length_dw), 0U);
    EXPECT_EQ(decode_header2(0), max_object_length_dw);
    EXPECT_EQ(decode_header2(0xFFFC0007), 7U);
    EXPECT_EQ(decode_header1(encode_header1(cdat)), cdat);
}

}  // namespace
}  // namespace doed::doe
