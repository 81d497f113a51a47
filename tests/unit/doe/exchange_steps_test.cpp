// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong at every single access of an exchange: the device is gone, the access fails, nobody wants the
// response any more. One conversation is played up to each of its accesses in turn.
#include "exchange_fixture.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace doed::doe {
namespace {

struct Step {
    const char* name;
    Action::Kind kind;
    std::uint16_t reg;
    std::uint32_t value;  ///< read or written
};

constexpr auto reads = Action::Kind::read;
constexpr auto writes = Action::Kind::write;

// A request of 3 dwords whose response has 4, polled, without anything to wait for.
constexpr std::array<Step, 16> conversation{{
    {"TheFirstStatus", reads, reg::status, idle},
    {"Header1", writes, reg::write_mailbox, 0x00021E98},
    {"Header2", writes, reg::write_mailbox, 3},
    {"ThePayload", writes, reg::write_mailbox, 0x00010000},
    {"Go", writes, reg::control, control_go},
    {"TheStatusAfterGo", reads, reg::status, status_ready},
    {"TheResponsesHeader1", reads, reg::read_mailbox, 0x00021E98},
    {"TheAckOfHeader1", writes, reg::read_mailbox, 0},
    {"TheResponsesHeader2", reads, reg::read_mailbox, 4},
    {"TheAckOfHeader2", writes, reg::read_mailbox, 0},
    {"TheFirstPayloadDword", reads, reg::read_mailbox, 0xFFFF0000},
    {"TheAckOfAPayloadDword", writes, reg::read_mailbox, 0},
    {"TheLastPayloadDword", reads, reg::read_mailbox, 0xCAFEF00D},
    {"TheStatusBeforeTheLastAck", reads, reg::status, status_ready},
    {"TheLastAck", writes, reg::read_mailbox, 0},
    {"TheLastStatus", reads, reg::status, idle},
}};

class AnExchangeAtEachStep : public AnExchange, public testing::WithParamInterface<std::size_t> {
protected:
    /// Up to the step, whose access has been asked for then.
    void play_to(std::size_t step) {
        begin();
        for (std::size_t i = 0; i < step; ++i) {
            play(conversation[i]);
        }
    }
    void play(const Step& step) {
        step.kind == reads ? expect_read(step.reg, step.value) : expect_write(step.reg, step.value);
    }
    [[nodiscard]] static const Step& here() { return conversation[GetParam()]; }
    [[nodiscard]] static bool writes_by_then() { return GetParam() > 0; }
};

std::string step_name(const testing::TestParamInfo<std::size_t>& row) {
    return conversation[row.param].name;
}

INSTANTIATE_TEST_SUITE_P(Every, AnExchangeAtEachStep,
                         testing::Range(std::size_t{0}, conversation.size()), step_name);

TEST_P(AnExchangeAtEachStep, PassesAFailedAccessOnAndAbortsWhenTheDeviceMayHaveBeenReached) {
    play_to(GetParam());
    const base::Error refused(Errc::io, "refused");
    next_ = exchange_->resume(Event::failed(refused), now_);
    if (writes_by_then()) {
        abort_cleanly();
    }
    expect_failed(Errc::io);
    EXPECT_EQ(exchange_->outcome().error().context(), "refused");
    EXPECT_FALSE(exchange_->mailbox_dead());
    EXPECT_EQ(exchange_->last_status(), writes_by_then() ? std::optional(idle) : std::nullopt);
}

TEST_P(AnExchangeAtEachStep, NeedsAnAbortWhenAccessesGoOnFailing) {
    play_to(GetParam());
    const base::Error refused(Errc::io, "refused");
    next_ = exchange_->resume(Event::failed(refused), now_);
    if (writes_by_then()) {
        next_ = exchange_->resume(Event::failed(refused), now_);
    }
    expect_failed(Errc::io);
    EXPECT_EQ(exchange_->mailbox_dead(), writes_by_then());
    EXPECT_FALSE(exchange_->last_status().has_value());
}

TEST_P(AnExchangeAtEachStep, IsOverWhenAnAccessSaysThatTheDeviceIsGone) {
    play_to(GetParam());
    const base::Error unplugged(Errc::device_gone);
    next_ = exchange_->resume(Event::failed(unplugged), now_);
    expect_failed(Errc::device_gone);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_P(AnExchangeAtEachStep, GivenUpAbortsAndLeavesTheMailboxIdle) {
    play_to(GetParam());
    exchange_->abandon();
    play(here());
    abort_cleanly();
    expect_failed(Errc::aborted);
    EXPECT_FALSE(exchange_->mailbox_dead());
}

class AnExchangeAtEachRead : public AnExchangeAtEachStep {};

auto all_reads() {
    std::vector<std::size_t> steps;
    for (std::size_t i = 0; i < conversation.size(); ++i) {
        if (conversation[i].kind == reads) {
            steps.push_back(i);
        }
    }
    return testing::ValuesIn(steps);
}

INSTANTIATE_TEST_SUITE_P(Every, AnExchangeAtEachRead, all_reads(), step_name);

TEST_P(AnExchangeAtEachRead, TakesAllOnesForAGoneDeviceWhenTheCommandRegisterIsGoneToo) {
    play_to(GetParam());
    expect_read(here().reg, 0xFFFFFFFF);
    expect_command(0xFFFFFFFF);
    expect_failed(Errc::device_gone);
    EXPECT_FALSE(exchange_->aborted());
    EXPECT_FALSE(exchange_->mailbox_dead());
}

TEST_P(AnExchangeAtEachRead, TakesAllOnesOfADeviceThatIsThereForWhatTheyAre) {
    play_to(GetParam());
    expect_read(here().reg, 0xFFFFFFFF);
    expect_command(0x00100406);
    const std::string step = here().name;
    if (here().reg == reg::status) {
        abort_cleanly();
        expect_failed(Errc::device_error);
    } else if (step == "TheResponsesHeader1" || step == "TheResponsesHeader2") {
        abort_cleanly();
        expect_failed(Errc::malformed);
    } else {
        for (std::size_t i = GetParam() + 1; i < conversation.size(); ++i) {
            play(conversation[i]);
        }
        expect_done();
        EXPECT_TRUE(exchange_->outcome().has_value());
        EXPECT_EQ(std::ranges::count(response_, 0xFFFFFFFF), 1);
        EXPECT_EQ(response_.size(), 2U);
    }
}

TEST_F(AnExchange, ThatClaimsTakesAllOnesOfTheControlRegisterForAGoneDevice) {
    begin_claim(0xFFFFFFFF);
    expect_command(0xFFFFFFFF);
    expect_failed(Errc::device_gone);
}

TEST_F(AnExchange, ThatClaimsAPresentDeviceWhoseControlRegisterIsAllOnesKeepsNothingOfIt) {
    begin_claim(0xFFFFFFFF);
    expect_command(0x00100406);
    abort_cleanly();
    expect_done();
    EXPECT_EQ(exchange_->control_preserved(), 0U);
}

TEST_F(AnExchange, WhoseAbortShowsNothingButOnesIsDeadAndSaysWhatTheAbortWasFor) {
    begin_and_send();
    expect_read(reg::status, status_error);
    expect_write(reg::control, control_abort);
    expect_read(reg::status, 0xFFFFFFFF);
    expect_command(0x00100406);
    expect_wait(Action::Reason::abort, 1s, 1s);
    expect_read(reg::status, 0xFFFFFFFF);
    expect_command(0x00100406);
    expect_failed(Errc::dead);
    EXPECT_TRUE(exchange_->mailbox_dead());
    EXPECT_NE(exchange_->outcome().error().context().find("Error is set instead of a response"),
              std::string::npos);
}

}  // namespace
}  // namespace doed::doe
