// SPDX-License-Identifier: Apache-2.0
//
// What a mailbox does when the kernel takes its device: it ends what is on the wire if it can, and never aborts it.
#include "mailbox_fixture.hpp"

#include <algorithm>

namespace doed::doe {
namespace {

constexpr std::uint32_t go = control_go;

class AMailboxWhoseDeviceIsTaken : public AMailbox {
protected:
    [[nodiscard]] std::size_t writes_of(std::uint32_t control_bit) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(function_->writes, [control_bit](const auto& write) {
                return write.first == reg::control && (write.second & control_bit) != 0;
            }));
    }
    void forget_writes() { function_->writes.clear(); }
};

TEST_F(AMailboxWhoseDeviceIsTaken, TouchesNothingWhenItHasNothingOnTheWire) {
    claim();
    function_->taken = true;
    const auto before = function_->accesses;
    const auto reading = submit_cdat();
    run_until_answered(reading);
    EXPECT_TRUE(reading->failed_with(Errc::kernel_owned)) << reading->text();
    EXPECT_NE(reading->text().find("0000:0d:00.0 mailbox 0x190"), std::string::npos);
    EXPECT_NE(reading->text().find("driver cxl_pci"), std::string::npos) << reading->text();
    EXPECT_EQ(mailbox_->status().state, MailboxState::kernel);
    EXPECT_EQ(function_->accesses, before);
}

TEST_F(AMailboxWhoseDeviceIsTaken, SaysSoAlsoWhenItNeverKnewWhatTheDeviceOffers) {
    make();
    function_->taken = true;
    mailbox_->start();
    scheduler_.run_for(1s);
    const auto reading = submit_cdat();
    EXPECT_TRUE(reading->failed_with(Errc::kernel_owned)) << reading->text();
    EXPECT_EQ(reading->times, 1);
    EXPECT_EQ(function_->accesses, 0U);
}

TEST_F(AMailboxWhoseDeviceIsTaken, AbortsWhatIsHalfDoneBeforeTheKernelCanArrive) {
    for (const std::size_t writes : {1U, 2U, 3U, 4U, 5U, 8U}) {
        claim();
        forget_writes();
        function_->after_write = [&](std::uint16_t, std::uint32_t) {
            function_->taken = function_->taken || function_->writes.size() == writes;
        };
        const auto reading = submit_cdat();
        run_until_answered(reading);
        EXPECT_TRUE(reading->failed_with(Errc::kernel_owned)) << reading->text();
        ASSERT_EQ(function_->writes.size(), writes + 1) << "the abort is the only one";
        EXPECT_EQ(function_->writes.back(), std::pair(reg::control, control_abort));
        EXPECT_EQ(
            function_->instance.read(reg::status) & (status_busy | status_ready | status_error), 0U)
            << "the kernel finds the mailbox idle";
        mailbox_.reset();
    }
}

TEST_F(AMailboxWhoseDeviceIsTaken, LeavesASlowResponseWhenTheKernelMayHaveArrived) {
    options_.poll = PollLimits{.floor = 2ms, .cap = 2ms};
    claim(50ms);
    forget_writes();
    const auto reading = submit_cdat();
    ASSERT_TRUE(scheduler_.run_until([this] { return writes_of(go) == 1; }));
    const auto taken_at = scheduler_.now();
    function_->taken = true;
    function_->arrived = true;
    run_until_answered(reading);
    EXPECT_TRUE(reading->failed_with(Errc::kernel_owned)) << reading->text();
    EXPECT_LE(reading->when - taken_at, 2ms);
    const auto accesses = function_->accesses;
    scheduler_.run_for(5s);
    EXPECT_EQ(function_->accesses, accesses) << "left alone for good";
    EXPECT_EQ(writes_of(control_abort), 0U);
    EXPECT_EQ(mailbox_->status().counters.errors, 1U);
}

TEST_F(AMailboxWhoseDeviceIsTaken, AbortsASlowResponseWhenTheKernelTakesItsTime) {
    claim(50ms);
    forget_writes();
    const auto reading = submit_cdat();
    ASSERT_TRUE(scheduler_.run_until([this] { return writes_of(go) == 1; }));
    function_->taken = true;
    run_until_answered(reading);
    EXPECT_EQ(writes_of(control_abort), 1U);
    EXPECT_EQ(mailbox_->status().counters.aborts, 2U) << "and the one of the claim";
}

TEST_F(AMailboxWhoseDeviceIsTaken, ClearsAnErrorThatItMayHaveMadeOfTheKernelsAbort) {
    claim();
    forget_writes();
    function_->after_write = [this](std::uint16_t offset, std::uint32_t) {
        if (offset == reg::read_mailbox && !function_->taken) {
            function_->taken = true;
            function_->arrived = true;
            // The kernel aborts, and the acknowledgement finds no object.
            function_->instance.write(reg::control, control_abort);
            function_->stuck_status = status_error;
        }
    };
    run_until_answered(submit_cdat());
    EXPECT_EQ(function_->writes.back(), std::pair(reg::control, control_abort));
    EXPECT_EQ(writes_of(control_abort), 1U);
    EXPECT_EQ(mailbox_->status().state, MailboxState::kernel);
}

TEST_F(AMailboxWhoseDeviceIsTaken, IsNotClaimed) {
    make();
    function_->taken = true;
    mailbox_->start();
    scheduler_.run_for(5s);
    EXPECT_EQ(mailbox_->status().state, MailboxState::kernel);
    EXPECT_EQ(function_->accesses, 0U);
}

TEST_F(AMailboxWhoseDeviceIsTaken, IsNotRevivedWhenItWasDead) {
    claim();
    function_->stuck_status = status_busy;
    run_until_answered(submit_cdat());
    ASSERT_EQ(mailbox_->status().state, MailboxState::dead);
    function_->taken = true;
    const auto accesses = function_->accesses;
    scheduler_.run_for(5min);
    EXPECT_EQ(function_->accesses, accesses);
    EXPECT_EQ(mailbox_->status().state, MailboxState::kernel);
}

TEST_F(AMailboxWhoseDeviceIsTaken, RefusesWhatComesLaterAndCloses) {
    claim();
    function_->taken = true;
    run_until_answered(submit_cdat());
    EXPECT_TRUE(submit_cdat()->failed_with(Errc::kernel_owned));
    std::optional<base::Result<void>> reset;
    mailbox_->reset([&reset](base::Result<void> result) { reset = std::move(result); });
    ASSERT_TRUE(reset);
    EXPECT_EQ(reset->error().code(), Errc::kernel_owned);
    const auto accesses = function_->accesses;
    bool closed = false;
    mailbox_->close(Errc::cancelled, [&closed] { closed = true; });
    scheduler_.run_for(0s);
    EXPECT_TRUE(closed);
    EXPECT_EQ(function_->accesses, accesses);
    EXPECT_FALSE(function_->held);
}

TEST_F(AMailboxWhoseDeviceIsTaken, AnswersAResetThatIsUnderWay) {
    claim();
    std::optional<base::Result<void>> reset;
    mailbox_->reset([&reset](base::Result<void> result) { reset = std::move(result); });
    function_->taken = true;
    ASSERT_TRUE(scheduler_.run_until([&reset] { return reset.has_value(); }));
    EXPECT_EQ(reset->error().code(), Errc::kernel_owned);
}

}  // namespace
}  // namespace doed::doe
