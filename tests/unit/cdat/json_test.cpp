// SPDX-License-Identifier: Apache-2.0
#include "cdat/json.hpp"

#include "cdat/table_builder.hpp"
#include "json_tables.hpp"

#include <nlohmann/json.hpp>

#include <random>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::cdat {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json parsed(const Bytes& bytes) {
    return json::parse(document_of(bytes));
}

TEST(TheDocument, BuildsTheTableItWasMadeFrom) {
    for (const auto& file : all_files()) {
        const Bytes bytes = load_file(file);
        EXPECT_EQ(built(document_of(bytes)), bytes) << file;
        EXPECT_EQ(built(document_of(bytes, JsonStyle::pretty)), bytes) << file;
    }
}

TEST(TheDocument, BuildsWhateverBytesItWasMadeFrom) {
    std::mt19937 random(7);
    const Bytes good = load_vector("good");
    for (int round = 0; round < 2000; ++round) {
        Bytes bytes = good;
        bytes.resize(random() % (good.size() + 8));
        for (std::uint32_t i = 0; i < random() % 6 && !bytes.empty(); ++i) {
            bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        }
        ASSERT_EQ(built(document_of(bytes)), bytes) << round;
    }
}

TEST(TheDocument, SaysEverythingAboutAStructure) {
    const auto document = parsed(load_file("tables/endpoint.json"));
    EXPECT_EQ(document["schema"], 1);
    EXPECT_EQ(document["size"], 160);
    EXPECT_TRUE(document["checksum_valid"].get<bool>());
    EXPECT_TRUE(document["mailbox"].is_null());
    EXPECT_EQ(document["structures"][0], json::parse(R"({
        "offset": 16, "type": 0, "name": "DSMAS", "length": 24, "handle": 0, "flags": 0, "flag_names": [],
        "dpa_base": "0", "dpa_length": "268435456"})"));
    EXPECT_EQ(document["structures"][1], json::parse(R"({
        "offset": 40, "type": 1, "name": "DSLBIS", "length": 24, "handle": 0, "flags": 0, "flag_names": [],
        "hierarchy": "memory", "data_type": 1, "data_type_name": "read latency", "base_unit": "10000",
        "entries": [15, 0, 0], "unit": "ps", "values": ["150000", null, null]})"));
    EXPECT_EQ(document["summary"]["memory_ranges"][0]["read_latency"],
              json::parse(R"({"state": "given", "from": "read latency", "ns": "150"})"));
}

TEST(TheDocument, NamesItsOriginAndTheHost) {
    Origin origin{.mailbox = "0000:0d:00.0/190", .source = "mailbox"};
    origin.host = {
        .memory_device = "mem0",
        .regions = {{.name = "region0",
                     .numa_node = 2,
                     .targets = 1,
                     .figures = {.read_latency_ns = 200, .read_bandwidth_mbps = 16000}}}};
    const auto document =
        json::parse(to_json(Table::parse(load_vector("good")), origin, JsonStyle::compact));
    EXPECT_EQ(document["mailbox"], "0000:0d:00.0/190");
    EXPECT_EQ(document["source"], "mailbox");
    EXPECT_EQ(document["host"], json::parse(R"({"memory_device": "mem0", "regions": [{
        "name": "region0", "targets": 1, "numa_node": 2, "read_latency_ns": "200", "write_latency_ns": null,
        "read_bandwidth_mb_per_s": "16000", "write_bandwidth_mb_per_s": null}]})"));
}

TEST(TheDocument, IsAsciiWhateverOthersAreNamed) {
    const Origin origin{.mailbox = "a\"b\\\n\x7f ger\u00e4t \xff", .source = "kernel"};
    const auto text = to_json(Table::parse(load_vector("good")), origin, JsonStyle::compact);
    EXPECT_THAT(text, testing::Each(testing::AllOf(testing::Ge(' '), testing::Le('~'))));
    EXPECT_EQ(json::parse(text)["mailbox"], "a\"b\\\n\x7f ger\u00e4t \uFFFD");
}

TEST(TheDocument, IsExactAbove53Bits) {
    const auto document = parsed(load_file("tables/large-numbers.json"));
    EXPECT_EQ(document["structures"][0]["dpa_base"], "9007199254740993");
    EXPECT_EQ(document["structures"][0]["dpa_length"], "1152921504606851072");
    EXPECT_EQ(document["structures"][1]["values"][0], "27021597764222979");
    EXPECT_EQ(document["header"]["sequence"], 4294967295U);
}

TEST(TheDocument, TellsEveryProblem) {
    const auto document = parsed(load_file("problems/checksum.json"));
    EXPECT_FALSE(document["checksum_valid"].get<bool>());
    ASSERT_EQ(document["problems"].size(), 1U);
    EXPECT_EQ(document["problems"][0]["kind"], "checksum");
    EXPECT_EQ(document["problems"][0]["severity"], "error");
    EXPECT_EQ(document["problems"][0]["offset"], 5);
    EXPECT_EQ(parsed(load_file("problems/dangling-handle.json"))["problems"][0]["kind"],
              "dangling-handle");
}

TEST(TheDocument, HasNoHeaderWhereTheBytesDoNotReachThatFar) {
    const auto document = parsed({1, 2, 3});
    EXPECT_TRUE(document["header"].is_null());
    EXPECT_EQ(document["rest"], "010203");
    EXPECT_EQ(document["structures"], json::array());
}

TEST(TheDocument, IsOneLineOfAsciiOrIndented) {
    const Bytes bytes = load_vector("unknown_type");
    EXPECT_EQ(document_of(bytes).find('\n'), std::string::npos);
    EXPECT_THAT(document_of(bytes, JsonStyle::pretty), HasSubstr("{\n  \"schema\": 1,\n"));
}

/// With the Length that the bytes have; the Checksum is not looked at.
Bytes with_right_length(Bytes bytes) {
    for (unsigned i = 0; i < 4; ++i) {
        bytes[i] = static_cast<std::uint8_t>(bytes.size() >> (8 * i));
    }
    return bytes;
}

// DSIS are the structures that take most text for their length: see max_json_size_bytes.
Bytes most_initiators() {
    std::string text = R"({"structures": [
        {"name": "DSLBIS", "handle": 255, "data_type": 0, "base_unit": "18446744073709551615", "entries": [1]},
        {"name": "DSLBIS", "handle": 255, "data_type": 3, "base_unit": "18446744073709551615", "entries": [1]}]})";
    Bytes bytes = built(text);
    const Bytes dsis{3, 255, 8, 0, 255, 255, 255, 255};
    while (bytes.size() + dsis.size() <= max_table_size_bytes) {
        bytes.insert(bytes.end(), dsis.begin(), dsis.end());
    }
    return with_right_length(std::move(bytes));
}

// No two entries have the same ports.
Bytes most_port_pairs() {
    constexpr std::size_t fixed_part_bytes = 16;
    constexpr std::size_t entries_max = 8189;
    Bytes bytes = built("{}");
    unsigned pair = 0;
    while (bytes.size() + fixed_part_bytes < max_table_size_bytes) {
        const auto count =
            std::min(entries_max, (max_table_size_bytes - bytes.size() - fixed_part_bytes) / 8);
        const auto length = static_cast<unsigned>(fixed_part_bytes + 8 * count);
        for (const unsigned byte : {5U, 255U, length & 0xFF, length >> 8, 0U, 255U, 255U, 255U}) {
            bytes.push_back(static_cast<std::uint8_t>(byte));
        }
        bytes.insert(bytes.end(), 8, 0xFF);
        for (std::size_t i = 0; i < count; ++i, ++pair) {
            const unsigned x = 10'000 + pair % 50'000;
            const unsigned y = 60'000 + pair / 50'000;
            for (const unsigned byte : {x & 0xFF, x >> 8, y & 0xFF, y >> 8, 1U, 0U, 255U, 255U}) {
                bytes.push_back(static_cast<std::uint8_t>(byte));
            }
        }
    }
    return with_right_length(std::move(bytes));
}

Bytes most_of_nothing() {
    Bytes bytes = built("{}");
    const Bytes structure{254, 255, 4, 0};
    while (bytes.size() + structure.size() <= max_table_size_bytes) {
        bytes.insert(bytes.end(), structure.begin(), structure.end());
    }
    return with_right_length(std::move(bytes));
}

TEST(TheDocument, OfTheLongestTablesIsNotTooLongToBeReadAgain) {
    constexpr std::size_t for_problems_and_host = 64U << 10;
    for (const Bytes& bytes : {most_initiators(), most_port_pairs(), most_of_nothing()}) {
        const auto text = document_of(bytes, JsonStyle::pretty);
        EXPECT_LT(text.size() + for_problems_and_host, max_json_size_bytes);
        EXPECT_GT(text.size(), 32 * bytes.size()) << "a table that proves nothing";
    }
}

// Both ways, in time: the time of a square would be minutes.
TEST(TheDocument, OfManyStructuresBuildsTheirTable) {
    Bytes bytes = most_initiators();
    bytes.resize(bytes.size() / 4 & ~std::size_t{7});
    bytes = with_right_length(std::move(bytes));
    EXPECT_EQ(built(document_of(bytes, JsonStyle::pretty)), bytes);
}

TEST(TheDocument, IsGivenUpWhereItWouldBeLongerThanAllowed) {
    const Table small = Table::parse(load_vector("good"));
    const auto text = to_json(small, {}, JsonStyle::compact);
    EXPECT_EQ(to_json_within(text.size(), small, {}, JsonStyle::compact), text);
    EXPECT_FALSE(to_json_within(text.size() - 1, small, {}, JsonStyle::compact));
    EXPECT_FALSE(to_json_within(0, small, {}, JsonStyle::compact));
    EXPECT_FALSE(to_json_within(1U << 20, Table::parse(most_port_pairs()), {}, JsonStyle::compact));
}

TEST(TheDocument, IsReadForItsBytesWithoutWhatIsDerived) {
    const Bytes bytes = load_vector("good");
    auto document = parse_document(document_of(bytes), "table.json");
    ASSERT_TRUE(document);
    EXPECT_EQ(from_json(*document), bytes);
    document = parse_document(R"({"summary": [1, 2], "sumary": 3})", "table.json");
    ASSERT_TRUE(document);
    const auto wrong = from_json(*document);
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().context(), HasSubstr("table.json: /sumary: unknown key"));
    EXPECT_FALSE(parse_document(R"({"summary": [1, })", "table.json"));
}

TEST(ATableFromJson, NeedsNoMoreThanItsStructures) {
    const Table table =
        Table::parse(built(R"({"structures": [{"name": "DSMAS", "dpa_length": 4096}]})"));
    EXPECT_TRUE(table.all_problems().empty());
    EXPECT_EQ(table.header().revision, 1U);
    EXPECT_EQ(table.header().length_bytes, 40U);
    EXPECT_EQ(built("{}"), build_table(1, 0, {}));
}

TEST(ATableFromJson, TakesNumbersWordsAndHexadecimal) {
    const Bytes plain = built(R"({"structures": [
        {"type": 0, "handle": 7, "flags": 12, "dpa_base": 4096, "dpa_length": 9007199254740993},
        {"type": 1, "handle": 7, "flags": 33, "data_type": 3, "base_unit": 1000, "entries": [1, 2, 3]},
        {"type": 4, "handle": 7, "memory_type": 2, "dpa_offset": 0, "dpa_length": 1}]})");
    EXPECT_EQ(built(R"({"structures": [
        {"name": "DSMAS", "handle": "0x7", "flag_names": ["shareable", "non-volatile"], "dpa_base": "0x1000",
         "dpa_length": "9007199254740993"},
        {"name": "DSLBIS", "handle": "0x7", "hierarchy": "first-level cache", "flag_names": ["non-sequential"],
         "data_type_name": "access bandwidth", "base_unit": "0x3e8", "entries": ["0x1", 2, 3]},
        {"name": "DSEMTS", "handle": 7, "memory_type_name": "EfiReservedMemoryType", "dpa_length": "1"}]})"),
              plain);
}

TEST(ATableFromJson, TakesTheWordsForCacheAttributes) {
    const Bytes plain = built(
        R"({"structures": [{"type": 2, "handle": 7, "cache_size": 4096, "attributes": "0x402132"}]})");
    EXPECT_EQ(
        built(
            R"({"structures": [{"name": "DSMSCIS", "handle": 7, "cache_size": "4096", "cache_levels": 2,
        "cache_level": 3, "associativity": "direct-mapped", "write_policy": "write-through", "line_size": 64}]})"),
        plain);
    EXPECT_EQ(
        built(
            R"({"structures": [{"name": "DSMSCIS", "handle": 7, "cache_size": "4096", "attributes": 4202802,
        "cache_levels": 2, "cache_level": 3, "associativity": "direct-mapped", "write_policy": "write-through",
        "line_size": 64}]})"),
        plain);
    EXPECT_EQ(built(R"({"structures": [{"name": "DSMSCIS", "cache_level": "0x1"}]})"),
              built(R"({"structures": [{"name": "DSMSCIS", "attributes": 16}]})"));
}

TEST(ATableFromJson, HasStructuresOfTheirUsualLengthWhoseFieldsAreLeftOut) {
    const std::pair<const char*, std::size_t> rows[] = {{"DSMAS", 24},   {"DSLBIS", 24},
                                                        {"DSMSCIS", 20}, {"DSIS", 8},
                                                        {"DSEMTS", 24},  {"SSLBIS", 16}};
    for (const auto& [name, length] : rows) {
        const std::string begin = R"({"structures": [{"name": ")" + std::string(name) + '"';
        EXPECT_EQ(built(begin + "}]}").size(), table_header_size_bytes + length) << name;
        EXPECT_EQ(built(begin + R"(, "reserved": {"1": 7}}]})").size(),
                  table_header_size_bytes + length);
        EXPECT_EQ(built(begin + R"(, "rest": ""}]})").size(), table_header_size_bytes + 4);
        EXPECT_EQ(built(begin + R"(, "reserved": {"1": 7}, "rest": "0102"}]})").size(),
                  table_header_size_bytes + 6);
    }
    const std::string reserved = R"({"structures": [{"name": "DSMAS", "reserved": {"6": 1})";
    EXPECT_EQ(built(reserved + "}]}").size(), table_header_size_bytes + 24);
    EXPECT_EQ(built(reserved + R"(, "rest": "01"}]})").size(), table_header_size_bytes + 25);
}

TEST(ATableFromJson, HasRevisionOneUnlessItIsNamed) {
    for (const auto* const text : {"{}", R"({"header": {}})", R"({"header": {"sequence": 3}})"}) {
        EXPECT_EQ(Table::parse(built(text)).header().revision, 1) << text;
    }
}

TEST(ATableFromJson, HasTheHeaderThatIsNamed) {
    const Table table = Table::parse(built(
        R"({"header": {"length": 99, "revision": 4, "checksum": "0xab", "reserved": "0102030405ff", "sequence": 5}})"));
    EXPECT_EQ(table.header(), (TableHeader{.length_bytes = 99,
                                           .revision = 4,
                                           .checksum = 0xAB,
                                           .reserved = {1, 2, 3, 4, 5, 0xFF},
                                           .sequence = 5}));
}

struct Wrong {
    const char* text;
    const char* message;
};

TEST(ATableFromJson, IsRefusedWhereItsMembersContradictEachOther) {
    const Wrong rows[] = {
        {R"({"type": 0, "name": "DSLBIS"})",
         R"(/name: expected "DSMAS", as "type" is 0, found "DSLBIS")"},
        {R"({"type": 0, "name": 5})", R"(/name: expected "DSMAS", as "type" is 0, found 5)"},
        {R"({"type": 0, "name": null})", R"(/name: expected "DSMAS", as "type" is 0, found null)"},
        {R"({"type": 9, "name": "DSMAS"})",
         R"(/name: expected null, as "type" is 9, found "DSMAS")"},
        {R"({"name": null})", R"(/name: expected one of "DSMAS")"},
        {R"({"name": "DSMAS", "flags": 12, "flag_names": ["shareable"]})",
         R"(/flag_names: expected ["non-volatile", "shareable"], as "flags" is 12)"},
        {R"({"name": "DSMAS", "flags": 0, "flag_names": ["shareable"]})",
         R"(/flag_names: expected [], as "flags" is 0)"},
        {R"({"name": "DSIS", "flags": 1, "flag_names": ["fast"]})",
         R"(/flag_names/0: expected one of "memory-attached", found "fast")"},
        {R"({"name": "DSIS", "flags": 1, "flag_names": "memory-attached"})",
         R"(/flag_names: expected an array, found "memory-attached")"},
        {R"({"name": "DSLBIS", "flags": 1, "hierarchy": "memory"})",
         R"(/hierarchy: expected "first-level cache", as "flags" is 1, found "memory")"},
        {R"({"name": "DSLBIS", "flags": 9, "hierarchy": "memory"})",
         R"(/hierarchy: expected null, as "flags" is 9, found "memory")"},
        {R"({"name": "DSLBIS", "hierarchy": null})", R"(/hierarchy: expected one of "memory")"},
        {R"({"name": "DSLBIS", "data_type": 1, "data_type_name": "write latency"})",
         R"(/data_type_name: expected "read latency", as "data_type" is 1, found "write latency")"},
        {R"({"name": "SSLBIS", "data_type": 6, "data_type_name": "write bandwidth"})",
         R"(/data_type_name: expected null, as "data_type" is 6)"},
        {R"({"name": "DSEMTS", "memory_type": 0, "memory_type_name": "EfiReservedMemoryType"})",
         R"(/memory_type_name: expected "EfiConventionalMemory", as "memory_type" is 0)"},
        {R"({"name": "DSMSCIS", "attributes": 1, "cache_levels": 2})",
         R"(/cache_levels: expected 1, as "attributes" is 1, found 2)"},
        {R"({"name": "DSMSCIS", "attributes": 1, "cache_level": 1})", "/cache_level: expected 0"},
        {R"({"name": "DSMSCIS", "attributes": 1, "line_size": 64})", "/line_size: expected 0"},
        {R"({"name": "DSMSCIS", "attributes": 256, "associativity": "complex"})",
         R"(/associativity: expected "direct-mapped", as "attributes" is 256, found "complex")"},
        {R"({"name": "DSMSCIS", "attributes": 0, "write_policy": 0})",
         R"(/write_policy: expected "none", as "attributes" is 0, found 0)"},
        {R"({"name": "DSMSCIS", "cache_levels": 16})", "/cache_levels: expected a whole number"},
        {R"({"name": "DSMSCIS", "associativity": "full"})",
         R"(/associativity: expected one of "none", "direct-mapped", "complex", found "full")"},
        {R"({"name": "DSLBIS", "handle": 0, "values": ["150000"]})",
         R"(/values: it is calculated from "entries", which is missing)"},
        {R"({"name": "DSLBIS", "unit": "ps", "entries": [1]})",
         R"(/unit: it is calculated from "data_type", which is missing)"},
        {R"({"name": "SSLBIS", "unit": "ps"})", "/unit: it is calculated from"},
        {R"({"name": "SSLBIS", "entries": [{"value": "150"}]})",
         R"(/entries/0/value: it is calculated from "entry", which is missing)"},
    };
    for (const auto& row : rows) {
        const auto bytes = build(R"({"structures": [)" + std::string(row.text) + "]}");
        ASSERT_FALSE(bytes) << row.text;
        EXPECT_EQ(bytes.error().code(), base::Errc::invalid_argument);
        EXPECT_THAT(bytes.error().context(),
                    testing::StartsWith("table.json: /structures/0" + std::string(row.message)))
            << row.text;
    }
}

// Each with its place.
TEST(ATableFromJson, IsRefusedWithThePlaceOfTheMistake) {
    const Wrong rows[] = {
        {R"({"sequence": 1})", "/sequence: unknown key; known here are \"schema\""},
        {R"({"schema": 2})", "/schema: expected a whole number from 1 to 1, found 2"},
        {R"([])", "top level: expected an object, found an array"},
        {R"({"structures": {}})", "/structures: expected an array, found an object"},
        {R"({"structures": [7]})", "/structures/0: expected an object, found 7"},
        {R"({"structures": [{}]})", "/structures/0: the key \"name\" is missing"},
        {R"({"structures": [{"name": "DSMASS"}]})",
         "/structures/0/name: expected one of \"DSMAS\""},
        {R"({"structures": [{"name": "DSIS", "dpa_base": 1}]})",
         "/structures/0/dpa_base: unknown key; known here are"},
        {R"({"structures": [{"name": "DSIS"}, {"name": "DSIS", "handle": 256}]})",
         "/structures/1/handle: expected a whole number, or a string such as \"0x1a\", from 0 to "
         "255, found 256"},
        {R"({"structures": [{"name": "DSMAS", "dpa_base": "4 GiB"}]})",
         "/structures/0/dpa_base: expected a number of 64 bits such as \"4096\" or \"0x1000\", "
         "found \"4 GiB\""},
        {R"({"structures": [{"name": "DSMAS", "dpa_base": "18446744073709551616"}]})",
         "/structures/0/dpa_base: expected a number of 64 bits"},
        {R"({"structures": [{"name": "DSMAS", "dpa_base": -1}]})",
         "/structures/0/dpa_base: expected"},
        {R"({"structures": [{"name": "DSMAS", "dpa_base": 1.5}]})",
         "/structures/0/dpa_base: expected"},
        {R"({"structures": [{"name": "DSMAS", "dpa_base": true}]})",
         "/structures/0/dpa_base: expected"},
        {R"({"structures": [{"name": "DSMAS", "flag_names": ["fast"]}]})",
         "/structures/0/flag_names/0: expected one of \"non-volatile\""},
        {R"({"structures": [{"name": "DSLBIS", "entries": [1, 2, 3, 4]}]})",
         "/structures/0/entries: expected at most 3 entries"},
        {R"({"structures": [{"name": "DSLBIS", "entries": [65536]}]})",
         "/structures/0/entries/0: expected a whole number"},
        {R"({"structures": [{"name": "DSLBIS", "data_type_name": "speed"}]})",
         "/structures/0/data_type_name: expected one of \"access latency\""},
        {R"({"structures": [{"name": "DSIS", "reserved": {"4": 1}}]})",
         "/structures/0/reserved/4: unknown key"},
        {R"({"structures": [{"name": "SSLBIS", "base_unit": 1, "entries": [{"port": 1}]}]})",
         "/structures/0/entries/0/port: unknown key"},
        {R"({"structures": [{"type": 9, "rest": "0"}]})",
         "/structures/0/rest: expected bytes as pairs of hexadecimal digits, found \"0\""},
        {R"({"rest": "zz"})", "/rest: expected bytes as pairs of hexadecimal digits"},
        {R"({"header": {"reserved": "00"}})", "/header/reserved: expected 6 bytes"},
        {R"({"header": {"checksum": 256}})", "/header/checksum: expected a whole number"},
    };
    for (const auto& row : rows) {
        const auto bytes = build(row.text);
        ASSERT_FALSE(bytes) << row.text;
        EXPECT_EQ(bytes.error().code(), base::Errc::invalid_argument);
        EXPECT_THAT(bytes.error().message(), HasSubstr(row.message)) << row.text;
    }
}

TEST(ATableFromJson, MayHaveOneMebibyteAndNotMore) {
    std::string text = R"({"structures": [)";
    for (int i = 0; i < 16; ++i) {
        text += R"({"type": 128, "rest": ")" + std::string(2 * 0xFFF8, '0') + R"("},)";
    }
    const std::string rest = R"({"type": 128, "rest": ")" + std::string(2 * (48 - 4), '0');
    EXPECT_EQ(built(text + rest + "\"}]}").size(), max_table_size_bytes);
    const auto larger = build(text + rest + "00\"}]}");
    ASSERT_FALSE(larger);
    EXPECT_EQ(larger.error().code(), base::Errc::too_large);
}

TEST(ATableFromJson, HasNoStructureOfMoreThan65535Bytes) {
    const auto longest = R"({"structures": [{"type": 9, "rest": ")" + std::string(2 * 65531, 'a');
    EXPECT_EQ(built(longest + "\"}]}").size(), 16U + 65535U);
    const auto longer = build(longest + "aa\"}]}");
    ASSERT_FALSE(longer);
    EXPECT_THAT(longer.error().message(),
                HasSubstr("/structures/0: the structure has more than 65535 bytes"));
}

}  // namespace
}  // namespace doed::cdat
