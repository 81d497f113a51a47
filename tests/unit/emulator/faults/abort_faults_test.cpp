// SPDX-License-Identifier: Apache-2.0
//
// Aborts that do not do what an abort does.
#include "faulty_mailbox.hpp"

namespace doed::emulator {
namespace {

using testing::ElementsAre;

class AFaultyAbort : public AFaultyMailbox {
protected:
    static constexpr base::Duration abort_time = 2ms;

    static FaultRule at(FaultKind kind, std::uint64_t number,
                        std::optional<base::Duration> time = {}) {
        FaultRule rule = FaultRule::at(kind, number);
        rule.time = time;
        return rule;
    }
    /// The status right after an abort and when it has had its time.
    static std::string abort(RegisterDriver& doe) {
        doe.abort();
        std::string seen = letters_of(doe.status());
        doe.pass(abort_time);
        return seen + ' ' + letters_of(doe.status());
    }
    /// Makes the mailbox set Error.
    static void provoke_error(RegisterDriver& doe) {
        doe.send(echo_request);
        doe.send(echo_request);
        EXPECT_TRUE(doe.error());
        doe.write(status_register, interrupt_status_bit);
    }
};

TEST_F(AFaultyAbort, WithoutFaultClearsEverything) {
    RegisterDriver doe = make({}, abort_time);
    provoke_error(doe);
    EXPECT_EQ(abort(doe), "B .");
    doe.send(echo_request);
    doe.pass(response_time);
    doe.write(status_register, interrupt_status_bit);
    EXPECT_EQ(abort(doe), "B .");
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyAbort, ThatFailsKeepsError) {
    RegisterDriver doe = make({at(FaultKind::abort_fails, 2)}, abort_time);
    EXPECT_EQ(abort(doe), "B .");
    provoke_error(doe);
    EXPECT_EQ(abort(doe), "BE E");
    EXPECT_EQ(strikes(FaultKind::abort_fails), 1U);
    EXPECT_EQ(abort(doe), "B .");
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(faults->counts().total(), 1U);
}

TEST_F(AFaultyAbort, ThatFailsSetsErrorWhereThereWasNone) {
    RegisterDriver doe = make({at(FaultKind::abort_fails, 1)}, abort_time);
    doe.write_object(echo_request);
    EXPECT_EQ(abort(doe), "BIE IE");
    EXPECT_EQ(watch(doe).status, "E | E E E | E | E | E |");
    EXPECT_EQ(abort(doe), "B .");
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyAbort, ThatHangsIsBusyForItsTimeAndFurtherAbortsDoNotEndIt) {
    RegisterDriver doe = make({at(FaultKind::abort_hangs, 1, 5s)}, abort_time);
    EXPECT_EQ(abort(doe), "B B");
    EXPECT_EQ(abort(doe), "B B");
    EXPECT_EQ(watch(doe).status, "B | B B B | B | B | B |");
    doe.pass(5s - 2 * abort_time - response_time - 1ns);
    EXPECT_EQ(doe.status(), busy_bit);
    doe.pass(1ns);
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(faults->counts().total(), 1U);
}

TEST_F(AFaultyAbort, ThatHangsWithoutATimeHangsForEver) {
    RegisterDriver doe = make({at(FaultKind::abort_hangs, 1)}, abort_time);
    EXPECT_EQ(abort(doe), "B B");
    EXPECT_EQ(doe.instance().next_event(), std::nullopt);
    doe.pass(24h);
    EXPECT_EQ(abort(doe), "B B");
}

TEST_F(AFaultyAbort, ThatIsIgnoredChangesNothing) {
    RegisterDriver doe =
        make({{.kind = FaultKind::abort_ignored, .last = 3, .count = 3}}, abort_time);
    doe.send(echo_request);
    EXPECT_EQ(abort(doe), ". IR") << "the response is still being made";
    doe.acknowledge();
    EXPECT_EQ(abort(doe), "IR IR") << "and still given out";
    EXPECT_THAT(doe.receive(), ElementsAre(3, 0x11111111));
    provoke_error(doe);
    EXPECT_EQ(abort(doe), "E E");
    EXPECT_EQ(strikes(FaultKind::abort_ignored), 3U);
    EXPECT_EQ(abort(doe), "B .");
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyAbort, ThatIsIgnoredLeavesABusyMailboxStuck) {
    RegisterDriver doe =
        make({at(FaultKind::stuck_busy, 1), at(FaultKind::abort_ignored, 1)}, abort_time);
    EXPECT_EQ(abort(doe), "B B");
    EXPECT_EQ(abort(doe), "B .");
}

TEST_F(AFaultyAbort, ThatLeavesReadyLeavesTheRestOfTheResponse) {
    RegisterDriver doe = make({at(FaultKind::abort_leaves_ready, 1)}, abort_time);
    doe.send(echo_request);
    doe.pass(response_time);
    doe.acknowledge();
    doe.write_object({echo_header1});
    EXPECT_EQ(abort(doe), "BIR IR");
    EXPECT_THAT(doe.receive(), ElementsAre(3, 0x11111111));
    EXPECT_EQ(watch(doe), sound) << "the half-written request is gone";
    EXPECT_EQ(strikes(FaultKind::abort_leaves_ready), 1U);
}

TEST_F(AFaultyAbort, LeavesNoReadyThatIsNotThere) {
    RegisterDriver doe = make({{.kind = FaultKind::abort_leaves_ready}}, abort_time);
    doe.send(echo_request);
    EXPECT_EQ(abort(doe), "B .");
    doe.pass(response_time);
    EXPECT_EQ(doe.status(), 0U);
    EXPECT_EQ(faults->counts().total(), 0U);
}

}  // namespace
}  // namespace doed::emulator
