// SPDX-License-Identifier: Apache-2.0
//
// Every kind of problem, from the table of its name in tests/vectors/cdat/problems.
#include "cdat/check.hpp"

#include "json_tables.hpp"

#include <map>
#include <optional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using Kind = ProblemKind;

/// A kind's problems in its table: the place and the severity of each.
struct Expected {
    std::vector<std::pair<std::uint32_t, Severity>> places;
    std::set<Kind> others{};  ///< that cannot but come with it
};

constexpr auto notice = Severity::notice;
constexpr auto warning = Severity::warning;
constexpr auto error = Severity::error;

const std::map<Kind, Expected> expectations{
    {Kind::header_truncated, {{{0, error}}}},
    {Kind::header_length, {{{0, error}}}},
    {Kind::length_mismatch, {{{0, error}}, {Kind::checksum}}},
    {Kind::checksum, {{{5, error}}}},
    {Kind::structure_length, {{{40, error}}}},
    {Kind::structure_truncated, {{{40, error}}}},
    {Kind::structure_short, {{{40, warning}}}},
    {Kind::structure_long, {{{40, notice}}}},
    {Kind::structure_odd_length, {{{40, warning}}}},
    {Kind::unknown_structure, {{{40, notice}}}},
    {Kind::no_entries, {{{18, warning}}}},
    {Kind::reserved_bits, {{{6, notice}, {17, notice}, {21, notice}, {22, notice}}}},
    {Kind::unknown_value,
     {{{46, warning}, {69, warning}, {104, warning}, {105, warning}, {105, warning}}}},
    {Kind::duplicate_handle, {{{44, error}}}},
    {Kind::dangling_handle, {{{44, warning}}}},
    {Kind::duplicate_value, {{{70, warning}}}},
    {Kind::range_empty, {{{32, warning}}}},
    {Kind::range_overflow, {{{24, error}}}},
    {Kind::range_outside, {{{48, warning}}}},
    {Kind::overlapping_ranges, {{{48, error}}}},
    {Kind::entry_overflow, {{{56, error}}}},
    {Kind::trailing_padding, {{{64, notice}}}},
    {Kind::trailing_data, {{{40, warning}}}},
    {Kind::more_problems, {{{16 + 24 * 64 + 4, warning}}, {Kind::dangling_handle}}},
};

// What only the reading of a device can bring about.
const std::set<Kind> of_reading{Kind::entry_oversize, Kind::changed_while_reading,
                                Kind::attempt_broken};

std::vector<Kind> all_kinds() {
    std::vector<Kind> all;
    for (auto kind = Kind::header_truncated; kind <= Kind::more_problems;
         kind = static_cast<Kind>(static_cast<int>(kind) + 1)) {
        all.push_back(kind);
    }
    return all;
}

class AProblem : public testing::TestWithParam<Kind> {};

TEST_P(AProblem, IsToldWithItsPlaceAndSeverity) {
    const Kind kind = GetParam();
    const auto expected = expectations.find(kind);
    if (expected == expectations.end()) {
        EXPECT_TRUE(of_reading.contains(kind));
        return;
    }
    const Table table =
        Table::parse(load_file("problems/" + std::string(to_string(kind)) + ".json"));
    std::vector<std::pair<std::uint32_t, Severity>> places;
    for (const Problem& problem : table.all_problems()) {
        EXPECT_FALSE(problem.text.empty());
        EXPECT_TRUE(problem.kind == kind || expected->second.others.contains(problem.kind))
            << to_string(problem);
        if (problem.kind == kind) {
            places.emplace_back(problem.offset_bytes, problem.severity);
        }
    }
    EXPECT_EQ(places, expected->second.places) << testing::PrintToString(table.all_problems());
}

INSTANTIATE_TEST_SUITE_P(OfEveryKind, AProblem, testing::ValuesIn(all_kinds()),
                         [](const auto& kind) {
                             std::string name(to_string(kind.param));
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

std::vector<Problem> problems_of(const std::string& structures) {
    return Table::parse(built(R"({"structures": [)" + structures + "]}")).all_problems();
}

std::vector<Kind> kinds_of(const std::string& structures) {
    std::vector<Kind> found;
    for (const Problem& problem : problems_of(structures)) {
        found.push_back(problem.kind);
    }
    return found;
}

const std::string dsmas = R"({"name": "DSMAS", "handle": 0, "dpa_length": "0x1000"})";

TEST(ASoundTable, HasNoProblems) {
    for (const auto& file : all_files()) {
        const std::set<std::string> odd{"padded-card", "from-the-future"};
        if (*file.begin() == "tables" && !odd.contains(file.stem())) {
            EXPECT_THAT(Table::parse(load_file(file)).all_problems(), IsEmpty()) << file;
        }
    }
}

TEST(ProblemsOfContents, AreNotThoseOfTheReading) {
    const Table table = Table::parse(load_file("problems/dangling-handle.json"));
    EXPECT_THAT(table.problems(), IsEmpty());
    ASSERT_EQ(table.content_problems().size(), 1U);
    EXPECT_EQ(to_string(table.content_problems()[0]),
              "warning at byte 44: DSLBIS: handle 0x1 is that of no DSMAS or DSIS");
}

TEST(ProblemsOfContents, StandBehindAllOthers) {
    Bytes bytes = load_file("problems/dangling-handle.json");
    ++bytes[5];
    const auto all = Table::parse(bytes).all_problems();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].kind, Kind::checksum);
    EXPECT_EQ(all[1].kind, Kind::dangling_handle);
}

class AFullProblemList : public testing::Test {
protected:
    /// Some at bytes from `first` on, a text each.
    void add(std::size_t count, Severity severity, std::uint32_t first) {
        for (std::size_t i = 0; i < count; ++i) {
            list.add(Kind::unknown_structure, severity, first + static_cast<std::uint32_t>(i), [&] {
                ++texts;
                return std::string("x");
            });
        }
    }
    void expect_rest(Severity severity, std::uint32_t offset) const {
        ASSERT_EQ(list.entries().size(), ProblemList::limit + 1);
        const Problem& rest = list.entries().back();
        EXPECT_EQ(rest.kind, Kind::more_problems);
        EXPECT_EQ(rest.severity, severity);
        EXPECT_EQ(rest.offset_bytes, offset);
    }

    ProblemList list;
    std::size_t texts = 0;
};

TEST_F(AFullProblemList, TellsTheFirstOfTheWorstThatItLeavesOut) {
    add(ProblemList::limit, error, 0);
    add(1, notice, 100);
    expect_rest(notice, 100);
    add(3, warning, 200);
    expect_rest(warning, 200);
    add(1, notice, 300);
    expect_rest(warning, 200);
    EXPECT_EQ(texts, ProblemList::limit) << "of what is not listed no text is made";
}

TEST_F(AFullProblemList, MakesRoomForWhatIsGraver) {
    add(ProblemList::limit, notice, 0);
    add(5, notice, 100);
    add(1, error, 200);
    add(2, warning, 300);
    expect_rest(notice, 100);
    const auto& entries = list.entries();
    EXPECT_EQ(entries[ProblemList::limit - 4].offset_bytes, ProblemList::limit - 4)
        << "the last notices go first";
    EXPECT_EQ(entries[ProblemList::limit - 3].severity, error);
    EXPECT_EQ(entries[ProblemList::limit - 2].severity, warning);
    add(ProblemList::limit, error, 400);
    expect_rest(error, 400 + ProblemList::limit - 1);
    EXPECT_TRUE(std::ranges::all_of(
        entries, [](const Problem& problem) { return problem.severity == error; }));
}

TEST_F(AFullProblemList, TakesInAnother) {
    ProblemList other;
    other.add({Kind::checksum, error, 5, "y"});
    add(ProblemList::limit, notice, 0);
    list.append(other);
    expect_rest(notice, ProblemList::limit - 1);
    EXPECT_EQ(list.entries()[ProblemList::limit - 1].text, "y");
}

TEST(AHandle, MayBeReferredToBeforeItIsThere) {
    EXPECT_THAT(
        kinds_of(
            R"({"name": "DSLBIS", "handle": 0, "data_type": 1, "base_unit": 1, "entries": [1]},)" +
            dsmas),
        IsEmpty());
}

TEST(AHandle, OfAnInitiatorWithoutMemoryMayHaveLatencies) {
    const std::string dslbis =
        R"({"name": "DSLBIS", "handle": 4, "data_type": 1, "base_unit": 1, "entries": [1]})";
    EXPECT_THAT(kinds_of(R"({"name": "DSIS", "handle": 4},)" + dslbis), IsEmpty());
    EXPECT_THAT(kinds_of(R"({"name": "DSIS", "flags": 1, "handle": 4},)" + dslbis),
                ElementsAre(Kind::dangling_handle, Kind::dangling_handle));
}

TEST(AHandle, IsNotThatOfAMemoryAndOfAnInitiatorWithoutMemory) {
    const auto problems = problems_of(dsmas + R"(, {"name": "DSIS", "handle": 0})");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].kind, Kind::duplicate_handle);
    EXPECT_EQ(problems[0].severity, warning);
    EXPECT_EQ(problems[0].offset_bytes, 45U);
    EXPECT_THAT(kinds_of(R"({"name": "DSIS", "handle": 4}, {"name": "DSIS", "handle": 4})"),
                ElementsAre(Kind::duplicate_handle));
}

TEST(AHandle, OfMemoryIsNeededByCacheAndMemoryType) {
    for (const char* structure : {R"({"name": "DSMSCIS", "handle": 1})",
                                  R"({"name": "DSEMTS", "handle": 1, "dpa_length": "1"})"}) {
        EXPECT_THAT(kinds_of(dsmas + "," + structure), ElementsAre(Kind::dangling_handle));
    }
}

TEST(ARange, MayEndWithTheLastByteOf64Bits) {
    EXPECT_THAT(
        kinds_of(
            R"({"name": "DSMAS", "handle": 0, "dpa_base": "0xffffffffffff0000", "dpa_length": "0x10000"})"),
        IsEmpty());
}

TEST(ARange, MayTouchAnotherOne) {
    EXPECT_THAT(
        kinds_of(
            dsmas +
            R"(, {"name": "DSMAS", "handle": 1, "dpa_base": "0x1000", "dpa_length": "0x1000"})"),
        IsEmpty());
}

// The one that reaches furthest counts, not the one just before.
TEST(ARange, IsComparedWithAllThatBeginEarlier) {
    EXPECT_THAT(kinds_of(R"({"name": "DSMAS", "handle": 0, "dpa_base": "0", "dpa_length": "0x9000"},
                    {"name": "DSMAS", "handle": 1, "dpa_base": "0x1000", "dpa_length": "0x1000"},
                    {"name": "DSMAS", "handle": 2, "dpa_base": "0x8000", "dpa_length": "0x1000"})"),
                ElementsAre(Kind::overlapping_ranges, Kind::overlapping_ranges));
}

TEST(APart, MayFillItsRange) {
    EXPECT_THAT(
        kinds_of(dsmas +
                 R"(, {"name": "DSEMTS", "handle": 0, "dpa_offset": "0xfff", "dpa_length": "1"})"),
        IsEmpty());
    EXPECT_THAT(
        kinds_of(
            dsmas +
            R"(, {"name": "DSEMTS", "handle": 0, "dpa_offset": "0xffffffffffffffff", "dpa_length": "0xffffffffffffffff"})"),
        ElementsAre(Kind::range_outside));
}

TEST(AValueToldTwice, IsANoticeWhenItIsTheSame) {
    const std::string dslbis =
        R"({"name": "DSLBIS", "handle": 0, "data_type": 1, "base_unit": 1, "entries": [1]})";
    const auto problems = problems_of(dsmas + "," + dslbis + "," + dslbis);
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].kind, Kind::duplicate_value);
    EXPECT_EQ(problems[0].severity, notice);
}

struct Case {
    const char* structures;  ///< behind the DSMAS of handle 0, which has 24 bytes
    std::vector<std::pair<Kind, std::uint32_t>> expected{};
};

void expect(const Case& one) {
    std::vector<std::pair<Kind, std::uint32_t>> found;
    for (const Problem& problem : problems_of(dsmas + "," + one.structures)) {
        found.emplace_back(problem.kind, problem.offset_bytes);
    }
    EXPECT_EQ(found, one.expected) << one.structures;
}

TEST(TheEntriesOfMemory, AreOneAndTheOthersAreReserved) {
    const std::string dslbis =
        R"({"name": "DSLBIS", "data_type": 1, "base_unit": "0x1000000000000000", )";
    expect({(dslbis + R"("handle": 0, "entries": [1, 99, 9]})").c_str(),
            {{Kind::reserved_bits, 40 + 18}, {Kind::reserved_bits, 40 + 20}}});
    expect({(dslbis + R"("handle": 4, "entries": [1, 99]}, {"name": "DSIS", "handle": 4})").c_str(),
            {{Kind::entry_overflow, 40 + 18}}});
}

TEST(TheFlagsOfAnInitiatorsFigures, AreReserved) {
    expect(
        {R"({"name": "DSLBIS", "handle": 4, "flags": 1, "data_type": 1, "base_unit": 1, "entries": [1]},
               {"name": "DSIS", "handle": 4})",
         {{Kind::reserved_bits, 40 + 5}}});
}

TEST(AUnitOfZero, IsToldWhereEntriesNeedIt) {
    expect({R"({"name": "DSLBIS", "handle": 0, "data_type": 1, "entries": [1]})",
            {{Kind::unknown_value, 40 + 8}}});
    expect({R"({"name": "DSLBIS", "handle": 0, "data_type": 1, "entries": [65535]})"});
    expect({R"({"name": "SSLBIS", "entries": [{"port_x": 256, "port_y": 0, "entry": 5}]})",
            {{Kind::unknown_value, 40 + 8}}});
}

TEST(ACache, HasALevelAndIsToldOnce) {
    expect(
        {R"({"name": "DSMSCIS", "handle": 0, "attributes": 1})", {{Kind::unknown_value, 40 + 16}}});
    expect({R"({"name": "DSMSCIS", "handle": 0, "attributes": 18},
               {"name": "DSMSCIS", "handle": 0, "attributes": 34})"});
    expect({R"({"name": "DSMSCIS", "handle": 0, "attributes": 17},
               {"name": "DSMSCIS", "handle": 0, "attributes": 17})",
            {{Kind::duplicate_value, 60 + 16}}});
}

TEST(AnInitiator, IsAttachedToAMemoryOnce) {
    expect(
        {R"({"name": "DSIS", "flags": 1, "handle": 0}, {"name": "DSIS", "flags": 1, "handle": 0})",
         {{Kind::duplicate_handle, 48 + 5}}});
}

TEST(APart, IsNotEmptyAndSharesNothingWithAnother) {
    expect({R"({"name": "DSEMTS", "handle": 0})", {{Kind::range_empty, 40 + 16}}});
    expect({R"({"name": "DSEMTS", "handle": 0, "dpa_offset": 16, "dpa_length": 16},
               {"name": "DSEMTS", "handle": 0, "dpa_length": 16})"});
    expect({R"({"name": "DSEMTS", "handle": 0, "dpa_offset": 15, "dpa_length": 16},
               {"name": "DSEMTS", "handle": 0, "dpa_length": 16})",
            {{Kind::overlapping_ranges, 40 + 8}}});
}

TEST(AWay, IsToldOnce) {
    const std::string way = R"({"port_x": 256, "port_y": 0, "entry": )";
    const std::string begin = R"({"name": "SSLBIS", "data_type": 1, "base_unit": 1, "entries": [)";
    expect({(begin + way + "5}, " + way + "9}]}").c_str(), {{Kind::duplicate_value, 40 + 24}}});
    expect({(begin + way + "5}]}, " + begin + way + "5}]}").c_str(),
            {{Kind::duplicate_value, 64 + 16}}});
    EXPECT_EQ(problems_of(begin + way + "5}, " + way + "5}]}").front().severity, notice);
    EXPECT_EQ(problems_of(begin + way + "5}, " + way + "9}]}").front().severity, warning);
    EXPECT_EQ(problems_of(begin + way + "5}, " + way + "9}]}").front().text,
              "SSLBIS: another entry has a different read latency for ports 0x100 and 0x0");
}

TEST(AnEntryOfASwitch, OverflowsAtItsOwnPlace) {
    const auto problems = problems_of(
        R"({"name": "SSLBIS", "data_type": 3, "base_unit": "9223372036854775808", "entries": [
            {"port_x": 0, "port_y": 1, "entry": 1}, {"port_x": 0, "port_y": 2, "entry": 2}]})");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].kind, Kind::entry_overflow);
    EXPECT_EQ(problems[0].offset_bytes, 16U + 16U + 8U + 4U);
}

}  // namespace
}  // namespace doed::cdat
