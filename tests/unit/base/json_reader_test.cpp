// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.hpp"

#include <array>
#include <chrono>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::base {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

enum class Colour { red, green };
constexpr std::array colours{JsonChoice<Colour>{"red", Colour::red},
                             JsonChoice<Colour>{"green", Colour::green}};

/// What is wrong with a document after `read` has read it; empty when nothing is.
std::string problem_of(std::string_view text, const std::function<void(const JsonValue&)>& read) {
    const auto document = JsonDocument::parse(text, "f");
    if (!document) {
        return document.error().context();
    }
    read(document->root());
    const auto good = document->check();
    if (good) {
        return {};
    }
    EXPECT_EQ(good.error().code(), Errc::invalid_argument);
    return good.error().context();
}

template <typename T>
std::string integer_problem_of(std::string_view text, T min, T max, T yields) {
    return problem_of(
        text, [&](const JsonValue& value) { EXPECT_EQ(value.integer<T>(min, max), yields); });
}

std::string hex_problem_of(std::string_view text, std::uint16_t yields) {
    return problem_of(text, [&](const JsonValue& value) {
        EXPECT_EQ(value.integer_or_hex<std::uint16_t>(1), yields);
    });
}

TEST(AJsonInteger, IsTakenWithinItsRange) {
    EXPECT_EQ(integer_problem_of<int>("-2", -2, 5, -2), "");
    EXPECT_EQ(integer_problem_of<int>("5", -2, 5, 5), "");
    EXPECT_EQ(integer_problem_of<int>("6", -2, 5, -2),
              "f: top level: expected a whole number from -2 to 5, found 6");
    EXPECT_EQ(integer_problem_of<int>("-3", -2, 5, -2),
              "f: top level: expected a whole number from -2 to 5, found -3");
}

TEST(AJsonInteger, ReachesBothEndsOf64Bits) {
    EXPECT_EQ(integer_problem_of<std::uint64_t>("18446744073709551615", 0, UINT64_MAX, UINT64_MAX),
              "");
    EXPECT_EQ(
        integer_problem_of<std::int64_t>("-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN),
        "");
    EXPECT_EQ(integer_problem_of<std::int64_t>("9223372036854775808", 0, INT64_MAX, 0),
              "f: top level: expected a whole number from 0 to 9223372036854775807, "
              "found 9223372036854775808");
}

TEST(AJsonInteger, IsNoFractionStringOrTruthValue) {
    for (const auto* text : {"1.0", "1e3", "\"1\"", "\"0x1\"", "true", "null", "[1]", "{}"}) {
        EXPECT_NE(integer_problem_of<int>(text, 0, 9, 0), "") << text;
    }
}

TEST(AJsonInteger, MayBeHexadecimalWhereThatIsAllowed) {
    EXPECT_EQ(hex_problem_of("\"0x1a\"", 0x1A), "");
    EXPECT_EQ(hex_problem_of("\"0xFFFF\"", 0xFFFF), "");
    EXPECT_EQ(hex_problem_of("26", 26), "");
    for (const auto* text : {"\"0x10000\"", "\"0x0\"", "\"1a\"", "\"0x\"", "\"0x1g\"", "\"0x-1\"",
                             "\"0x 1\"", "\" 0x1\"", "\"\"", "\"0\"", "\"0X1\"", "0"}) {
        EXPECT_EQ(hex_problem_of(text, 1),
                  "f: top level: expected a whole number, or a string such as \"0x1a\", "
                  "from 1 to 65535, found " +
                      std::string(text));
    }
}

TEST(AJsonFraction, IsTakenFromZeroToOne) {
    const auto fraction_problem_of = [](std::string_view text, double yields) {
        return problem_of(text,
                          [&](const JsonValue& value) { EXPECT_EQ(value.fraction(), yields); });
    };
    EXPECT_EQ(fraction_problem_of("0", 0), "");
    EXPECT_EQ(fraction_problem_of("0.25", 0.25), "");
    EXPECT_EQ(fraction_problem_of("1", 1), "");
    for (const auto* text : {"1.5", "-0.5", "2", "1e+99", "\"0.5\"", "true", "null"}) {
        EXPECT_EQ(fraction_problem_of(text, 0),
                  "f: top level: expected a number from 0 to 1, found " + std::string(text));
    }
}

TEST(AJsonValue, IsReadAsWhatItIs) {
    EXPECT_EQ(problem_of(R"({"text": "a", "truth": true, "list": [1, 2], "word": "green"})",
                         [](const JsonValue& value) {
                             const JsonObject root =
                                 value.object({"text", "truth", "list", "word", "absent"});
                             EXPECT_EQ(root.get("text").string(), "a");
                             EXPECT_TRUE(root.get("text").is_string());
                             EXPECT_FALSE(root.get("text").is_number());
                             EXPECT_TRUE(root.get("truth").boolean());
                             const auto list = root.get("list").array();
                             ASSERT_EQ(list.size(), 2U);
                             EXPECT_TRUE(list[1].is_number());
                             EXPECT_EQ(list[1].integer<int>(), 2);
                             EXPECT_EQ(root.get("word").choice<Colour>(colours), Colour::green);
                             EXPECT_TRUE(value.is_object());
                             EXPECT_FALSE(root.find("absent"));
                         }),
              "");
}

TEST(AJsonValue, OfTheWrongTypeYieldsNothingAndSaysWhatWasExpected) {
    EXPECT_EQ(problem_of("1", [](const JsonValue& value) { EXPECT_EQ(value.string(), ""); }),
              "f: top level: expected a string, found 1");
    EXPECT_EQ(problem_of("1", [](const JsonValue& value) { EXPECT_FALSE(value.boolean()); }),
              "f: top level: expected true or false, found 1");
    EXPECT_EQ(
        problem_of("{}", [](const JsonValue& value) { EXPECT_THAT(value.array(), IsEmpty()); }),
        "f: top level: expected an array, found an object");
    EXPECT_EQ(problem_of("false",
                         [](const JsonValue& value) { EXPECT_THAT(value.members(), IsEmpty()); }),
              "f: top level: expected an object, found false");
    EXPECT_EQ(problem_of("\"blue\"",
                         [](const JsonValue& value) {
                             EXPECT_EQ(value.choice<Colour>(colours), Colour::red);
                         }),
              R"(f: top level: expected one of "red", "green", found "blue")");
    EXPECT_EQ(problem_of("0",
                         [](const JsonValue& value) {
                             EXPECT_EQ(value.choice<Colour>(colours), Colour::red);
                         }),
              R"(f: top level: expected one of "red", "green", found 0)");
}

TEST(AJsonObject, RefusesKeysItDoesNotKnow) {
    EXPECT_EQ(
        problem_of(R"({"a": {"b": 1, "c": null}})",
                   [](const JsonValue& value) {
                       EXPECT_FALSE(value.object({"a"}).get("a").object({"b", "d"}).find("d"));
                   }),
        R"(f: /a/c: unknown key; known here are "b", "d")");
}

TEST(AJsonObject, SaysWhichKeyIsMissingAndNothingMore) {
    EXPECT_EQ(problem_of(R"({"a": {}})",
                         [](const JsonValue& value) {
                             const JsonValue missing =
                                 value.object({"a"}).get("a").object({"b"}).get("b");
                             EXPECT_EQ(missing.string(), "");
                             EXPECT_EQ(missing.object({"x"}).get("x").integer<int>(3), 3);
                         }),
              R"(f: /a: the key "b" is missing)");
}

TEST(AJsonObject, WithKeysThatAreDataGivesItsMembers) {
    EXPECT_EQ(problem_of(R"({"one": 1, "two": 2})",
                         [](const JsonValue& value) {
                             std::vector<std::pair<std::string, int>> members;
                             for (const auto& [key, member] : value.members()) {
                                 members.emplace_back(key, member.integer<int>());
                             }
                             EXPECT_THAT(members, ElementsAre(Pair("one", 1), Pair("two", 2)));
                         }),
              "");
}

TEST(AJsonDocument, KeepsTheFirstMistake) {
    EXPECT_EQ(problem_of("[1, 2]",
                         [](const JsonValue& value) {
                             for (const auto& element : value.array()) {
                                 element.refuse("a prime above 2");
                             }
                         }),
              "f: /0: expected a prime above 2, found 1");
}

TEST(AJsonDocument, TakesAReasonInFreeWords) {
    EXPECT_EQ(problem_of("[1]",
                         [](const JsonValue& value) {
                             value.array().front().refuse_because("one is not enough");
                         }),
              "f: /0: one is not enough");
}

TEST(AJsonDocument, FindsAKeyThatAppearsTwiceAnywhere) {
    const auto read_nothing = [](const JsonValue&) {};
    EXPECT_EQ(problem_of(R"({"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]})", read_nothing),
              "");
    EXPECT_EQ(problem_of(R"({"a": 1, "b": 2, "a": 1})", read_nothing),
              "f: /a: the key appears twice");
    EXPECT_EQ(problem_of(R"({"c": [[], {"x": 0}, {"y": {"z": 1, "z": 1}}]})", read_nothing),
              "f: /c/2/y/z: the key appears twice");
}

TEST(AJsonDocument, NamesKeysAsAJsonPointerOnOneLine) {
    EXPECT_EQ(problem_of("{\"a/b~c\\nd\": 1}",
                         [](const JsonValue& value) {
                             EXPECT_EQ(value.members().front().second.string(), "");
                         }),
              "f: /a~1b~0c?d: expected a string, found 1");
}

TEST(AJsonDocument, ShowsWhatWasFoundOnOneLineAndCutsIt) {
    EXPECT_EQ(
        problem_of(R"("a\nb")", [](const JsonValue& value) { EXPECT_FALSE(value.boolean()); }),
        R"(f: top level: expected true or false, found "a\nb")");
    std::string long_text(1000, 'x');
    long_text.front() = '"';
    long_text.back() = '"';
    EXPECT_EQ(problem_of(long_text, [](const JsonValue& value) { EXPECT_FALSE(value.boolean()); }),
              "f: top level: expected true or false, found " + long_text.substr(0, 60) + "...\"");
}

TEST(AJsonDocument, KeepsWhatIsWrongWithItOnOneLine) {
    EXPECT_EQ(problem_of("{}", [](const JsonValue& value) { value.refuse_because("no \n\x01"); }),
              "f: top level: no ??");
}

TEST(AJsonDocument, SaysWhereItsSyntaxIsBad) {
    const auto read_nothing = [](const JsonValue&) { FAIL() << "there is nothing to read"; };
    EXPECT_EQ(problem_of("{\n  \"a\": 1,\n}", read_nothing),
              "f: parse error at line 3, column 1: syntax error while parsing object key - "
              "unexpected '}'; expected string literal");
    EXPECT_THAT(problem_of("{} {}", read_nothing),
                testing::StartsWith("f: parse error at line 1, column 4: "));
    EXPECT_THAT(problem_of("[1] // no comments", read_nothing),
                testing::StartsWith("f: parse error at line 1, column 5: "));
    EXPECT_THAT(problem_of("\"\xff\"", read_nothing),
                testing::StartsWith("f: parse error at line 1, column 2: "));
}

TEST(AJsonDocument, SurvivesDeepNesting) {
    constexpr std::size_t depth = 100'000;
    EXPECT_EQ(problem_of(std::string(depth, '[') + std::string(depth, ']'),
                         [](const JsonValue& value) { EXPECT_EQ(value.array().size(), 1U); }),
              "");
}

// Looking at all elements before with each one that ends would take a minute.
TEST(AJsonDocument, TakesTheTimeOfItsLengthAlone) {
    constexpr std::size_t count = 300'000;
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i) {
        text += R"({"a": [1], "b": {}},)";
    }
    text.back() = ']';
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(
        problem_of(text, [&](const JsonValue& value) { EXPECT_EQ(value.array().size(), count); }),
        "");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(AJsonDocument, HasAllValuesWhereTheyWere) {
    const auto document = JsonDocument::parse(
        R"({"a": [[], {"b": [1, {"c": null}, "x"]}, 2], "d": {"e": {}, "f": [[3], -4, true]}})",
        "f");
    ASSERT_TRUE(document);
    const auto root = document->root().object({"a", "d"});
    const auto a = root.get("a").array();
    ASSERT_EQ(a.size(), 3U);
    EXPECT_THAT(a[0].array(), IsEmpty());
    const auto b = a[1].object({"b"}).get("b").array();
    ASSERT_EQ(b.size(), 3U);
    EXPECT_EQ(b[0].integer<int>(), 1);
    EXPECT_TRUE(b[1].object({"c"}).get("c").is_null());
    EXPECT_EQ(b[2].string(), "x");
    EXPECT_EQ(a[2].integer<int>(), 2);
    const auto d = root.get("d").object({"e", "f"});
    EXPECT_TRUE(d.get("e").is_object());
    const auto f = d.get("f").array();
    ASSERT_EQ(f.size(), 3U);
    EXPECT_EQ(f[0].array().front().integer<int>(), 3);
    EXPECT_EQ(f[1].integer<int>(), -4);
    EXPECT_TRUE(f[2].boolean());
    EXPECT_TRUE(document->check());
}

std::vector<std::string> keys_of_member(std::string_view text) {
    const auto document =
        JsonDocument::parse_members(text, "f", [](std::string_view key) { return key == "host"; });
    if (!document) {
        return {document.error().context()};
    }
    std::vector<std::string> keys;
    for (const auto& [key, member] : document->root().members()) {
        keys.push_back(key);
        for (const auto& [inner, value] : member.members()) {
            keys.push_back(inner);
        }
    }
    if (const auto good = document->check(); !good) {
        return {good.error().context()};
    }
    return keys;
}

TEST(OneMemberOfAJsonDocument, IsAllThatIsKept) {
    for (const auto* const text :
         {R"({"host": {"a": 1}})", R"({"x": [1, {"host": {}}, [[]]], "host": {"a": []}, "y": 2})",
          R"({"host": {"a": {"host": 1}}, "x": {"host": {"b": 1}}, "z": "host"})",
          R"({"x": 1, "x": 2, "y": null, "host": {"a": "host"}, "x": {}})"}) {
        EXPECT_THAT(keys_of_member(text), ElementsAre("host", "a")) << text;
    }
    EXPECT_THAT(keys_of_member(R"({"x": {"host": 1}})"), IsEmpty());
    EXPECT_THAT(keys_of_member("[{\"host\": 1}, 2, [3]]"),
                ElementsAre("f: top level: expected an object, found an array"));
    EXPECT_THAT(keys_of_member("7"), ElementsAre("f: top level: expected an object, found 7"));
}

TEST(OneMemberOfAJsonDocument, IsRefusedForWhatIsWrongAnywhere) {
    EXPECT_THAT(keys_of_member(R"({"x": [1,], "host": {}})"),
                ElementsAre(testing::StartsWith("f: parse error at line 1, column 10: ")));
    EXPECT_THAT(keys_of_member(R"({"host": {"a": {"b": 1, "b": 2}}})"),
                ElementsAre("f: /host/a/b: the key appears twice"));
    EXPECT_THAT(keys_of_member(R"({"host": {}, "x": {}, "host": {}})"),
                ElementsAre("f: /host: the key appears twice"));
}

TEST(AJsonDocument, IsLoadedFromAFileOrSaysThatItIsNotThere) {
    const auto missing = JsonDocument::load("/nowhere/x.json");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), Errc::not_found);
    EXPECT_EQ(missing.error().message(), "file /nowhere/x.json: no such object");
}

}  // namespace
}  // namespace doed::base
