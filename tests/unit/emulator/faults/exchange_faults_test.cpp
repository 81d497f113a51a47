// SPDX-License-Identifier: Apache-2.0
//
// Busy, Error, Ready and the object, fault by fault, against the register description.
#include "faulty_mailbox.hpp"

namespace doed::emulator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Each strikes at the second of three exchanges and is over with an abort.
struct Row {
    const char* name;
    FaultRule rule;  ///< only what it does
    std::string status;
    Dwords object;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
    return out << row.name;
}

class AFaultInOneExchange : public AFaultyMailbox, public testing::WithParamInterface<Row> {};

TEST_P(AFaultInOneExchange, ShowsInThatExchangeAlone) {
    FaultRule rule = FaultRule::at(GetParam().rule.kind, 2);
    rule.time = GetParam().rule.time;
    rule.dwords = GetParam().rule.dwords;
    RegisterDriver doe = make({rule});
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(strikes(rule.kind), 0U);
    EXPECT_EQ(watch(doe), (Seen{GetParam().status, GetParam().object}));
    EXPECT_EQ(strikes(rule.kind), 1U);
    doe.abort();
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(faults->counts().total(), 1U);
}

INSTANTIATE_TEST_SUITE_P(WhileTheRequestIsWritten, AFaultInOneExchange,
                         testing::Values(Row{"ErrorAfterItsFirstDword",
                                             {.kind = FaultKind::error_in_request, .dwords = 1},
                                             ". | IE IE IE | IE | IE | IE |",
                                             {}},
                                         Row{"ErrorAfterItsThirdDword",
                                             {.kind = FaultKind::error_in_request, .dwords = 3},
                                             ". | . . IE | IE | IE | IE |",
                                             {}},
                                         Row{"ErrorAtGo",
                                             {.kind = FaultKind::error_at_go},
                                             ". | . . . | IE | IE | IE |",
                                             {}}),
                         [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    WhileTheResponseIsMade, AFaultInOneExchange,
    testing::Values(
        Row{"Error", {.kind = FaultKind::error_in_response}, ". | . . . | . | IE | IE |", {}},
        Row{"NoReady", {.kind = FaultKind::never_ready}, ". | . . . | . | . | . |", {}},
        Row{"LateReady",
            {.kind = FaultKind::late_ready, .time = 1ns},
            ". | . . . | . | . | . |",
            {}},
        Row{"ErrorAtALookThatComesTooSoon",
            {.kind = FaultKind::error_when_polled, .time = 1ns},
            ". | . . . | IE | IE | IE |",
            {}}),
    [](const auto& test) { return test.param.name; });

// Dwords that no responder has put there.
constexpr std::uint32_t filler = 0xD0EDD0ED;

INSTANTIATE_TEST_SUITE_P(InTheObject, AFaultInOneExchange,
                         testing::Values(Row{"WrongVendor",
                                             {.kind = FaultKind::wrong_vendor},
                                             sound_status,
                                             {echo_header1 ^ 0x8000, 3, 0x11111111}},
                                         Row{"WrongType",
                                             {.kind = FaultKind::wrong_type},
                                             sound_status,
                                             {echo_header1 ^ 0x800000, 3, 0x11111111}},
                                         Row{"LengthZero",
                                             {.kind = FaultKind::length_zero},
                                             sound_status,
                                             {echo_header1, 0, 0x11111111}},
                                         Row{"LengthOne",
                                             {.kind = FaultKind::length_one},
                                             sound_status,
                                             {echo_header1, 1, 0x11111111}},
                                         Row{"OneDwordShort",
                                             {.kind = FaultKind::short_object},
                                             ". | . . . | . | . | IR | IR I",
                                             {echo_header1, 3}},
                                         Row{"TwoDwordsShort",
                                             {.kind = FaultKind::short_object, .dwords = 2},
                                             ". | . . . | . | . | IR | I",
                                             {echo_header1}},
                                         Row{"ShortByMoreThanItHas",
                                             {.kind = FaultKind::short_object, .dwords = 100},
                                             ". | . . . | . | . | IR | I",
                                             {echo_header1}},
                                         Row{"OneDwordLong",
                                             {.kind = FaultKind::long_object},
                                             ". | . . . | . | . | IR | IR IR IR I",
                                             {echo_header1, 3, 0x11111111, filler}},
                                         Row{"TwoDwordsLong",
                                             {.kind = FaultKind::long_object, .dwords = 2},
                                             ". | . . . | . | . | IR | IR IR IR IR I",
                                             {echo_header1, 3, 0x11111111, filler, filler}},
                                         Row{"Huge",
                                             {.kind = FaultKind::huge_object, .dwords = 5},
                                             ". | . . . | . | . | IR | IR IR IR IR I",
                                             {echo_header1, 5, 0x11111111, filler, filler}},
                                         Row{"HugeButNotLargerThanItIs",
                                             {.kind = FaultKind::huge_object, .dwords = 1},
                                             sound_status,
                                             {echo_header1, 3, 0x11111111}}),
                         [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    WhileTheResponseIsRead, AFaultInOneExchange,
    testing::Values(Row{"ErrorAfterOneDword",
                        {.kind = FaultKind::error_in_read, .dwords = 1},
                        ". | . . . | . | . | IR | IE",
                        {echo_header1}},
                    Row{"ErrorBeforeTheLastDword",
                        {.kind = FaultKind::error_in_read, .dwords = 2},
                        ". | . . . | . | . | IR | IR IE",
                        {echo_header1, 3}},
                    Row{"ErrorAfterTheLastDword",
                        {.kind = FaultKind::error_after_read},
                        ". | . . . | . | . | IR | IR IR IE",
                        {echo_header1, 3, 0x11111111}},
                    Row{"ErrorBesideReady",
                        {.kind = FaultKind::error_beside_ready, .dwords = 1},
                        ". | . . . | . | . | IR | IER IER IE",
                        {echo_header1, 3, 0x11111111}},
                    Row{"ReadyLost",
                        {.kind = FaultKind::ready_dropped, .dwords = 2},
                        ". | . . . | . | . | IR | IR I",
                        {echo_header1, 3}},
                    Row{"ReadyAway",
                        {.kind = FaultKind::ready_dropped, .time = 1ms, .dwords = 1},
                        ". | . . . | . | . | IR | I",
                        {echo_header1}}),
    [](const auto& test) { return test.param.name; });

TEST_F(AFaultyMailbox, WithoutRulesIsSound) {
    RegisterDriver doe = make({});
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyMailbox, BusyAtCreationIsBusyForItsTimeWhateverIsWritten) {
    FaultRule rule = FaultRule::at(FaultKind::busy, 1);
    rule.time = 5ms;
    RegisterDriver doe = make({rule});
    EXPECT_EQ(doe.status(), busy_bit);
    EXPECT_EQ(doe.instance().next_event(), clock.now + 5ms);
    doe.send(echo_request);
    doe.abort();
    doe.pass(5ms - 1ns);
    EXPECT_EQ(doe.status(), busy_bit);
    doe.pass(1ns);
    EXPECT_EQ(doe.status(), 0U);
    doe.pass(1s);
    EXPECT_EQ(doe.status(), 0U) << "what is written while Busy is set has no effect";
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(strikes(FaultKind::busy), 1U);
}

TEST_F(AFaultyMailbox, BusyBetweenExchangesIsBusyAsSoonAsTheResponseIsRead) {
    FaultRule rule = FaultRule::at(FaultKind::busy, 2);
    rule.time = 5ms;
    RegisterDriver doe = make({rule});
    EXPECT_EQ(doe.status(), 0U);
    EXPECT_EQ(watch(doe), (Seen{". | . . . | . | . | IR | IR IR BI", echo_request}));
    EXPECT_EQ(watch(doe).status, "B | B B B | B | B | B |");
    doe.pass(4ms);
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyMailbox, StuckBusyIsBusyUntilAnAbort) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::stuck_busy, 1)}, 2ms);
    EXPECT_EQ(doe.status(), busy_bit);
    EXPECT_EQ(doe.instance().next_event(), std::nullopt);
    doe.pass(24h);
    EXPECT_EQ(doe.status(), busy_bit);
    doe.abort();
    EXPECT_EQ(doe.status(), busy_bit) << "for as long as the abort takes";
    doe.pass(2ms);
    EXPECT_EQ(doe.status(), 0U);
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyMailbox, WithAStaleReadyHoldsTheAnswerToSomebodyElsesDiscovery) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::stale_ready, 1)});
    EXPECT_EQ(doe.status(), ready_bit | interrupt_status_bit);
    EXPECT_THAT(doe.receive(), ElementsAre(0x00000001, 3, 0x01000001));
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(strikes(FaultKind::stale_ready), 1U);
}

TEST_F(AFaultyMailbox, WithAStaleReadyIsSoundAfterAnAbort) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::stale_ready, 1)});
    doe.abort();
    EXPECT_FALSE(doe.ready());
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyMailbox, WithAStaleReadyTakesARequestForAnError) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::stale_ready, 2)});
    EXPECT_EQ(watch(doe).status, ". | . . . | . | . | IR | IR IR IR IR IR I") << "3 own, 3 stale";
    EXPECT_EQ(watch(doe), sound);
    RegisterDriver other = make({FaultRule::at(FaultKind::stale_ready, 1)});
    EXPECT_EQ(watch(other).status, "R | R R R | IE | IE | IE |");
}

TEST_F(AFaultyMailbox, WithAStaleErrorTakesNothingUntilAnAbort) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::stale_error, 1)});
    EXPECT_EQ(doe.status(), error_bit | interrupt_status_bit);
    EXPECT_EQ(watch(doe).status, "E | E E E | E | E | E |");
    doe.abort();
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(strikes(FaultKind::stale_error), 1U);
}

TEST_F(AFaultyMailbox, WithAStaleErrorHasGivenOutTheResponseBefore) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::stale_error, 2)});
    EXPECT_EQ(watch(doe), (Seen{". | . . . | . | . | IR | IR IR IE", echo_request}));
    doe.abort();
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyMailbox, LateIsReadyAsLateAsItIsToldAndSoundThen) {
    FaultRule rule = FaultRule::at(FaultKind::late_ready, 1);
    rule.time = 2s;
    RegisterDriver doe = make({rule});
    doe.send(echo_request);
    EXPECT_EQ(doe.instance().next_event(), clock.now + response_time + 2s);
    doe.pass(response_time + 2s - 1ns);
    EXPECT_EQ(doe.status(), 0U);
    doe.pass(1ns);
    EXPECT_EQ(doe.receive(), echo_request);
}

TEST_F(AFaultyMailbox, NeverReadyTakesAFurtherRequestForAnErrorAndNamesNoTime) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::never_ready, 1)});
    doe.send(echo_request);
    EXPECT_EQ(doe.instance().next_event(), std::nullopt);
    doe.pass(24h);
    EXPECT_EQ(doe.status(), 0U);
    doe.send(echo_request);
    EXPECT_TRUE(doe.error());
}

TEST_F(AFaultyMailbox, ReadyEarlyGivesTheOlderObjectAndThenTheTrueOne) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::early_ready, 2)});
    EXPECT_EQ(watch(doe), sound);
    doe.write(status_register, interrupt_status_bit);
    doe.send({echo_header1, 2});
    EXPECT_EQ(doe.status(), ready_bit | interrupt_status_bit) << "at once";
    EXPECT_EQ(doe.receive(), echo_request);
    doe.pass(response_time - 1ns);
    EXPECT_FALSE(doe.ready());
    doe.pass(1ns);
    EXPECT_THAT(doe.receive(), ElementsAre(echo_header1, 2));
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(strikes(FaultKind::early_ready), 1U);
}

TEST_F(AFaultyMailbox, ReadyEarlyGivesZerosWhenThereIsNoOlderObject) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::early_ready, 1)});
    doe.send(echo_request);
    EXPECT_THAT(doe.receive(), ElementsAre(0, 0, 0));
    doe.abort();
    doe.pass(1s);
    EXPECT_EQ(doe.status() & ready_bit, 0U) << "the true one is gone with the abort";
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyMailbox, HugeIsOfTheLongestLength) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::huge_object, 1)});
    const Dwords object = doe.exchange(echo_request);
    ASSERT_EQ(object.size(), 1U << 18);
    EXPECT_EQ(object[1], 0U) << "2^18 is coded 0";
    EXPECT_EQ(object[2], 0x11111111U);
    EXPECT_EQ(object.back(), filler);
    EXPECT_EQ(watch(doe), sound);
}

TEST_F(AFaultyMailbox, WhoseReadyWasAwayGoesOnWhereItWas) {
    FaultRule rule = FaultRule::at(FaultKind::ready_dropped, 1);
    rule.time = 5ms;
    rule.dwords = 2;
    RegisterDriver doe = make({rule});
    EXPECT_THAT(doe.exchange(echo_request), ElementsAre(echo_header1, 3));
    EXPECT_EQ(doe.read(read_mailbox_register), 0U);
    doe.acknowledge();
    EXPECT_EQ(doe.instance().next_event(), clock.now + 5ms);
    doe.pass(5ms);
    EXPECT_THAT(doe.receive(), ElementsAre(0x11111111));
    EXPECT_EQ(watch(doe), sound);
}

// The object has no third dword behind which the fault could strike.
TEST_F(AFaultyMailbox, DoesNotStrikeAtADwordThatIsNotThere) {
    FaultRule rule = FaultRule::at(FaultKind::error_in_read, 1);
    rule.dwords = 3;
    RegisterDriver doe = make({rule});
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(faults->counts().total(), 0U);
}

TEST_F(AFaultyMailbox, DoesNotStrikeInAnExchangeThatIsAbortedBefore) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::error_in_response, 1),
                               FaultRule::at(FaultKind::error_in_read, 1)});
    doe.send(echo_request);
    doe.abort();
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(faults->counts().total(), 0U);
}

TEST_F(AFaultyMailbox, StrikesAnywhereInARequestOrAResponseThatARuleLeavesOpen) {
    RegisterDriver writing = make({{.kind = FaultKind::error_in_request}});
    std::set<std::string> seen;
    for (int round = 0; round < 40; ++round) {
        seen.insert(watch(writing).status);
        writing.abort();
    }
    EXPECT_THAT(seen, testing::UnorderedElementsAre(". | IE IE IE | IE | IE | IE |",
                                                    ". | . IE IE | IE | IE | IE |",
                                                    ". | . . IE | IE | IE | IE |"));
    RegisterDriver reading = make({{.kind = FaultKind::error_in_read}});
    seen.clear();
    for (int round = 0; round < 40; ++round) {
        seen.insert(watch(reading).status);
        reading.abort();
    }
    EXPECT_THAT(seen, testing::UnorderedElementsAre(". | . . . | . | . | IR | IE",
                                                    ". | . . . | . | . | IR | IR IE"));
}

// A request is discarded in silence, one is answered, one is aborted: three exchanges.
TEST_F(AFaultyMailbox, CountsEveryExchangeHoweverItEnds) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::error_at_go, 4)});
    doe.send({echo_header1, 7});
    EXPECT_EQ(watch(doe), sound);
    doe.write_object({echo_header1});
    doe.abort();
    doe.abort();
    EXPECT_EQ(faults->counts().total(), 0U);
    doe.send(echo_request);
    EXPECT_TRUE(doe.error());
    EXPECT_EQ(strikes(FaultKind::error_at_go), 1U);
}

TEST_F(AFaultyMailbox, MisbehavesTheSameForTheSameSeed) {
    const std::vector<FaultRule> rules{{.kind = FaultKind::busy, .rate = 0.1, .time = 100us},
                                       {.kind = FaultKind::error_in_request, .rate = 0.1},
                                       {.kind = FaultKind::error_in_response, .rate = 0.1},
                                       {.kind = FaultKind::wrong_type, .rate = 0.1},
                                       {.kind = FaultKind::error_in_read, .rate = 0.1}};
    const auto run = [&](std::uint64_t seed) {
        RegisterDriver doe = make(rules, {}, seed);
        std::vector<Seen> all;
        for (int round = 0; round < 200; ++round) {
            all.push_back(watch(doe));
            doe.abort();
        }
        return std::pair(all, faults->counts());
    };
    const auto first = run(3);
    EXPECT_EQ(run(3), first);
    EXPECT_NE(run(4).first, first.first);
    for (const FaultRule& rule : rules) {
        EXPECT_GT(first.second.of(rule.kind), 0U) << fault_traits(rule.kind).name;
    }
}

}  // namespace
}  // namespace doed::emulator
