// SPDX-License-Identifier: Apache-2.0
//
// From a JSON document to the bytes of a table.
#include "cdat/json.hpp"
#include "cdat/names.hpp"
#include "cdat/value.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace doed::cdat {

namespace {

using base::JsonObject;
using base::JsonValue;

constexpr std::size_t structure_length_max = std::numeric_limits<std::uint16_t>::max();
constexpr std::uint8_t usual_revision = 1;

/// A number of any size that is written as one, or as a decimal or hexadecimal text.
std::uint64_t read_u64(const JsonValue& value) {
    if (!value.is_string()) {
        return value.integer<std::uint64_t>(0);
    }
    const std::string text = value.string();
    const bool hex = text.starts_with("0x");
    const std::string_view digits = std::string_view(text).substr(hex ? 2 : 0);
    std::uint64_t number = 0;
    const auto end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, number, hex ? 16 : 10);
    if (read.ec != std::errc() || read.ptr != end || digits.empty()) {
        value.refuse("a number of 64 bits such as \"4096\" or \"0x1000\"");
        return 0;
    }
    return number;
}

std::optional<std::uint8_t> hex_digit(char letter) {
    if (letter >= '0' && letter <= '9') {
        return static_cast<std::uint8_t>(letter - '0');
    }
    const char lower = static_cast<char>(letter | 0x20);
    if (lower >= 'a' && lower <= 'f') {
        return static_cast<std::uint8_t>(lower - 'a' + 10);
    }
    return std::nullopt;
}

std::vector<std::uint8_t> read_bytes(const JsonValue& value) {
    const std::string text = value.string();
    std::vector<std::uint8_t> bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const auto high = hex_digit(text[i]);
        const auto low = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
        if (!high || !low) {
            value.refuse("bytes as pairs of hexadecimal digits");
            return {};
        }
        bytes.push_back(static_cast<std::uint8_t>(*high << 4 | *low));
    }
    return bytes;
}

template <std::unsigned_integral T>
T read_number(const JsonObject& object, std::string_view key, T otherwise = 0) {
    const auto value = object.find(key);
    return value ? value->integer_or_hex<T>() : otherwise;
}

std::uint64_t read_u64(const JsonObject& object, std::string_view key) {
    const auto value = object.find(key);
    return value ? read_u64(*value) : 0;
}

// --- Numbers and their words ---------------------------------------------------------------------------------------------
//
// A number may have its word beside it, as it does in every document that is written. Then the two agree: which of them was meant
// cannot be known. null stands for a number without a word.

/// ", as "flags" is 4"
std::string given_as(std::string_view key, std::uint64_t number) {
    return ", as \"" + std::string(key) + "\" is " + std::to_string(number);
}

/// The word under `word_key` is `right`, as the number under `key` has it.
void check_word(const JsonObject& object, std::string_view word_key, std::string_view right,
                std::string_view key, std::uint64_t number) {
    const auto word = object.find(word_key);
    if (!word) {
        return;
    }
    const bool agrees =
        right.empty() ? word->is_null() : word->is_string() && word->string() == right;
    if (!agrees) {
        const std::string expected = right.empty() ? "null" : '"' + std::string(right) + '"';
        word->refuse(expected + given_as(key, number));
    }
}

/// The number of the word, of those that `name_of` knows.
template <typename Name>
std::uint8_t number_of_word(const JsonValue& word, const Name& name_of) {
    std::vector<base::JsonChoice<std::uint8_t>> choices;
    for (std::uint8_t number = 0; !name_of(number).empty(); ++number) {
        choices.emplace_back(name_of(number), number);
    }
    return word.choice(std::span<const base::JsonChoice<std::uint8_t>>(choices));
}

/// A number under `key`, or its word under `word_key`; 0 without either.
template <typename Name>
std::uint8_t read_number_or_word(const JsonObject& object, std::string_view key,
                                 std::string_view word_key, const Name& name_of) {
    if (object.find(key)) {
        const auto number = read_number<std::uint8_t>(object, key);
        check_word(object, word_key, name_of(number), key, number);
        return number;
    }
    const auto word = object.find(word_key);
    return word ? number_of_word(*word, name_of) : std::uint8_t{0};
}

/// "flags" as a number, or "flag_names" as words.
std::uint8_t read_flags(const JsonObject& object, std::span<const FlagName> known) {
    const auto names = object.find("flag_names");
    std::vector<base::JsonChoice<std::uint8_t>> choices;
    unsigned known_bits = 0;
    for (const FlagName& flag : known) {
        choices.emplace_back(flag.name, flag.bit);
        known_bits |= flag.bit;
    }
    unsigned named = 0;
    if (names) {
        for (const JsonValue& name : names->array()) {
            named |= name.choice(std::span<const base::JsonChoice<std::uint8_t>>(choices));
        }
    }
    if (!object.find("flags")) {
        return static_cast<std::uint8_t>(named);
    }
    const auto flags = read_number<std::uint8_t>(object, "flags");
    if (names && named != (flags & known_bits)) {
        std::string right;
        for (const std::string_view name : names_of(flags, known)) {
            right += (right.empty() ? "\"" : ", \"") + std::string(name) + '"';
        }
        names->refuse_because("expected [" + right + "]" + given_as("flags", flags));
    }
    return flags;
}

/// The hierarchy is a part of the flags.
std::uint8_t read_dslbis_flags(const JsonObject& object) {
    const unsigned flags = read_flags(object, dslbis_flags());
    if (object.find("flags")) {
        check_word(object, "hierarchy", hierarchy_name(flags & Dslbis::hierarchy_mask), "flags",
                   flags);
        return static_cast<std::uint8_t>(flags);
    }
    const auto word = object.find("hierarchy");
    return static_cast<std::uint8_t>(flags | (word ? number_of_word(*word, hierarchy_name) : 0U));
}

/// "attributes" as a number, or its five parts by themselves.
std::uint32_t read_attributes(const JsonObject& object) {
    constexpr std::string_view key = "attributes";
    const Dsmscis given{.attributes = read_number<std::uint32_t>(object, key)};
    const bool is_given = object.find(key).has_value();
    const auto number = [&](std::string_view part, unsigned max, unsigned right) {
        const auto value = object.find(part);
        const unsigned found = value ? value->integer_or_hex<unsigned>(0, max) : right;
        if (is_given && found != right) {
            value->refuse(std::to_string(right) + given_as(key, given.attributes));
        }
        return found;
    };
    const auto word = [&](std::string_view part, unsigned right, const auto& name_of) {
        const auto value = object.find(part);
        if (is_given) {
            check_word(object, part, name_of(right), key, given.attributes);
        }
        return is_given || !value ? right : number_of_word(*value, name_of);
    };
    constexpr unsigned four_bits = 0xF;
    constexpr unsigned sixteen_bits = 0xFFFF;
    const unsigned levels = number("cache_levels", four_bits, given.total_levels());
    const unsigned level = number("cache_level", four_bits, given.level());
    const unsigned associativity = word("associativity", given.associativity(), associativity_name);
    const unsigned policy = word("write_policy", given.write_policy(), write_policy_name);
    const unsigned line_size = number("line_size", sixteen_bits, given.line_size_bytes());
    return levels | level << 4 | associativity << 8 | policy << 12 | line_size << 16;
}

/// `derived` says nothing without the member that it comes from: whoever wrote it meant something by it.
void refuse_alone(const JsonObject& object, std::string_view derived,
                  std::initializer_list<std::string_view> sources) {
    const auto value = object.find(derived);
    const auto is_there = [&](std::string_view source) { return object.find(source).has_value(); };
    if (value && std::ranges::none_of(sources, is_there)) {
        value->refuse_because("it is calculated from \"" + std::string(*sources.begin()) +
                              "\", which is missing");
    }
}

/// Reserved fields by their offset.
class Reserved {
public:
    Reserved(const JsonObject& structure, std::initializer_list<std::string_view> offsets)
        : fields_(structure.find("reserved")
                      ? std::optional(structure.find("reserved")->object(offsets))
                      : std::nullopt) {}

    template <std::unsigned_integral T>
    [[nodiscard]] T get(std::string_view offset) const {
        return fields_ ? read_number<T>(*fields_, offset) : T{0};
    }
    [[nodiscard]] std::array<std::uint8_t, 3> three_bytes(std::string_view offset) const {
        const auto field = fields_ ? fields_->find(offset) : std::nullopt;
        const auto number = field ? field->integer_or_hex<std::uint32_t>(0, 0xFFFFFF) : 0;
        return {static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8),
                static_cast<std::uint8_t>(number >> 16)};
    }

private:
    std::optional<JsonObject> fields_;
};

// --- Structures ----------------------------------------------------------------------------------------------------------

/// What a structure is, however it is named.
std::uint8_t read_type(const JsonObject& object) {
    if (object.find("type")) {
        return read_number_or_word(object, "type", "name", structure_name);
    }
    return number_of_word(object.get("name"), structure_name);
}

Structure read_dsmas(const JsonValue& value) {
    const auto object = value.object({"offset", "type", "name", "length", "reserved", "rest",
                                      "handle", "flags", "flag_names", "dpa_base", "dpa_length"});
    const Reserved reserved(object, {"1", "6"});
    return {.reserved = reserved.get<std::uint8_t>("1"),
            .body = Dsmas{.handle = read_number<std::uint8_t>(object, "handle"),
                          .flags = read_flags(object, dsmas_flags()),
                          .reserved = reserved.get<std::uint16_t>("6"),
                          .dpa_base_bytes = read_u64(object, "dpa_base"),
                          .dpa_length_bytes = read_u64(object, "dpa_length")}};
}

Structure read_dslbis(const JsonValue& value) {
    const auto object = value.object({"offset", "type", "name", "length", "reserved", "rest",
                                      "handle", "flags", "flag_names", "hierarchy", "data_type",
                                      "data_type_name", "base_unit", "unit", "entries", "values"});
    const Reserved reserved(object, {"1", "7", "22"});
    refuse_alone(object, "unit", {"data_type", "data_type_name"});
    refuse_alone(object, "values", {"entries"});
    Dslbis dslbis{
        .handle = read_number<std::uint8_t>(object, "handle"),
        .flags = read_dslbis_flags(object),
        .data_type = read_number_or_word(object, "data_type", "data_type_name", data_type_name),
        .reserved = reserved.get<std::uint8_t>("7"),
        .base_unit = read_u64(object, "base_unit"),
        .entries = {},
        .reserved_end = reserved.get<std::uint16_t>("22")};
    if (const auto entries = object.find("entries")) {
        const auto all = entries->array();
        if (all.size() > dslbis.entries.size()) {
            entries->refuse("at most 3 entries");
        }
        for (std::size_t i = 0; i < std::min(all.size(), dslbis.entries.size()); ++i) {
            dslbis.entries[i] = all[i].integer_or_hex<std::uint16_t>();
        }
    }
    return {.reserved = reserved.get<std::uint8_t>("1"), .body = dslbis};
}

Structure read_dsmscis(const JsonValue& value) {
    const auto object = value.object({"offset", "type", "name", "length", "reserved", "rest",
                                      "handle", "cache_size", "attributes", "cache_levels",
                                      "cache_level", "associativity", "write_policy", "line_size"});
    const Reserved reserved(object, {"1", "5"});
    return {.reserved = reserved.get<std::uint8_t>("1"),
            .body = Dsmscis{.handle = read_number<std::uint8_t>(object, "handle"),
                            .reserved = reserved.three_bytes("5"),
                            .cache_size_bytes = read_u64(object, "cache_size"),
                            .attributes = read_attributes(object)}};
}

Structure read_dsis(const JsonValue& value) {
    const auto object = value.object(
        {"offset", "type", "name", "length", "reserved", "rest", "handle", "flags", "flag_names"});
    const Reserved reserved(object, {"1", "6"});
    return {.reserved = reserved.get<std::uint8_t>("1"),
            .body = Dsis{.flags = read_flags(object, dsis_flags()),
                         .handle = read_number<std::uint8_t>(object, "handle"),
                         .reserved = reserved.get<std::uint16_t>("6")}};
}

Structure read_dsemts(const JsonValue& value) {
    const auto object =
        value.object({"offset", "type", "name", "length", "reserved", "rest", "handle",
                      "memory_type", "memory_type_name", "dpa_offset", "dpa_length"});
    const Reserved reserved(object, {"1", "6"});
    return {.reserved = reserved.get<std::uint8_t>("1"),
            .body = Dsemts{.handle = read_number<std::uint8_t>(object, "handle"),
                           .memory_type = read_number_or_word(
                               object, "memory_type", "memory_type_name", efi_memory_type_name),
                           .reserved = reserved.get<std::uint16_t>("6"),
                           .dpa_offset_bytes = read_u64(object, "dpa_offset"),
                           .dpa_length_bytes = read_u64(object, "dpa_length")}};
}

Structure read_sslbis(const JsonValue& value) {
    const auto object =
        value.object({"offset", "type", "name", "length", "reserved", "rest", "data_type",
                      "data_type_name", "base_unit", "unit", "entries"});
    const Reserved reserved(object, {"1", "5"});
    refuse_alone(object, "unit", {"data_type", "data_type_name"});
    Sslbis sslbis{
        .data_type = read_number_or_word(object, "data_type", "data_type_name", data_type_name),
        .reserved = reserved.three_bytes("5"),
        .base_unit = read_u64(object, "base_unit"),
        .entries = {}};
    if (const auto entries = object.find("entries")) {
        for (const JsonValue& one : entries->array()) {
            const auto entry = one.object({"port_x", "port_y", "entry", "value", "reserved"});
            refuse_alone(entry, "value", {"entry"});
            sslbis.entries.push_back({.port_x = read_number<std::uint16_t>(entry, "port_x"),
                                      .port_y = read_number<std::uint16_t>(entry, "port_y"),
                                      .value = read_number<std::uint16_t>(entry, "entry"),
                                      .reserved = read_number<std::uint16_t>(entry, "reserved")});
        }
    }
    return {.reserved = reserved.get<std::uint8_t>("1"), .body = std::move(sslbis)};
}

Structure read_opaque(const JsonValue& value) {
    const auto object = value.object({"offset", "type", "name", "length", "reserved", "rest"});
    const Reserved reserved(object, {"1"});
    return {.reserved = reserved.get<std::uint8_t>("1"), .body = Opaque{}};
}

/// A structure of a known type whose bytes are all in "rest" is shorter than its fields. Without that member it has them, be it
/// that none is named.
bool is_opaque(const JsonValue& value, const JsonObject& object) {
    constexpr std::array<std::string_view, 6> frame{"offset", "type",     "name",
                                                    "length", "reserved", "rest"};
    if (!object.find("rest")) {
        return false;
    }
    for (const auto& [key, member] : value.members()) {
        if (std::ranges::find(frame, key) == frame.end()) {
            return false;
        }
    }
    // All structures have a reserved byte in front of their fields.
    const auto reserved = object.find("reserved");
    return !reserved || !reserved->is_object() ||
           std::ranges::all_of(reserved->members(),
                               [](const auto& member) { return member.first == "1"; });
}

Structure read_body(const JsonValue& value, const JsonObject& object, std::uint8_t type) {
    if (is_opaque(value, object)) {
        return read_opaque(value);
    }
    switch (static_cast<StructureType>(type)) {
        case StructureType::dsmas: return read_dsmas(value);
        case StructureType::dslbis: return read_dslbis(value);
        case StructureType::dsmscis: return read_dsmscis(value);
        case StructureType::dsis: return read_dsis(value);
        case StructureType::dsemts: return read_dsemts(value);
        case StructureType::sslbis: return read_sslbis(value);
    }
    return read_opaque(value);
}

Structure read_structure(const JsonValue& value) {
    JsonObject object =
        value.object({"offset",       "type",         "name",           "length",
                      "reserved",     "rest",         "handle",         "flags",
                      "flag_names",   "hierarchy",    "dpa_base",       "dpa_length",
                      "dpa_offset",   "data_type",    "data_type_name", "base_unit",
                      "unit",         "entries",      "values",         "cache_size",
                      "attributes",   "cache_levels", "cache_level",    "associativity",
                      "write_policy", "line_size",    "memory_type",    "memory_type_name"});
    const std::uint8_t type = read_type(object);
    Structure structure = read_body(value, object, type);
    structure.type = type;
    if (const auto rest = object.find("rest")) {
        structure.rest = read_bytes(*rest);
    }
    if (structure.length_bytes() > structure_length_max) {
        value.refuse_because("the structure has more than 65535 bytes");
        return {};
    }
    return structure;
}

/// The header, with what it does not name still to be calculated.
struct HeaderReading {
    TableHeader header;
    std::optional<std::uint32_t> length;
    std::optional<std::uint8_t> checksum;
};

HeaderReading read_header(const JsonValue& value) {
    const auto object = value.object({"length", "revision", "checksum", "reserved", "sequence"});
    HeaderReading reading;
    reading.header.revision = read_number<std::uint8_t>(object, "revision", usual_revision);
    reading.header.sequence = read_number<std::uint32_t>(object, "sequence");
    if (const auto reserved = object.find("reserved")) {
        const auto bytes = read_bytes(*reserved);
        if (bytes.size() == reading.header.reserved.size()) {
            std::ranges::copy(bytes, reading.header.reserved.begin());
        } else {
            reserved->refuse("6 bytes as hexadecimal digits");
        }
    }
    if (const auto length = object.find("length")) {
        reading.length = length->integer_or_hex<std::uint32_t>();
    }
    if (const auto checksum = object.find("checksum")) {
        reading.checksum = checksum->integer_or_hex<std::uint8_t>();
    }
    return reading;
}

}  // namespace

base::Result<base::JsonDocument> parse_document(std::string_view text, std::string name) {
    constexpr std::array<std::string_view, 3> long_and_derived{"problems", "summary", "host"};
    return base::JsonDocument::parse_members(text, std::move(name), [&](std::string_view key) {
        return std::ranges::find(long_and_derived, key) == long_and_derived.end();
    });
}

base::Result<std::vector<std::uint8_t>> from_json(base::JsonDocument& document) {
    const auto root =
        document.root().object({"schema", "mailbox", "source", "size", "checksum_valid", "problems",
                                "summary", "host", "header", "structures", "rest"});
    if (const auto schema = root.find("schema")) {
        static_cast<void>(schema->integer<int>(json_schema, json_schema));
    }
    Document table;
    const auto header = root.find("header");
    const bool without_header = header && header->is_null();
    const HeaderReading reading = header && !without_header
                                      ? read_header(*header)
                                      : HeaderReading{.header = {.revision = usual_revision}};
    if (!without_header) {
        table.header = reading.header;
    }
    if (const auto structures = root.find("structures")) {
        for (const JsonValue& value : structures->array()) {
            table.structures.push_back(read_structure(value));
        }
    }
    if (const auto rest = root.find("rest")) {
        table.rest = read_bytes(*rest);
    }
    if (const auto good = document.check(); !good) {
        return std::unexpected(good.error());
    }
    if (table.header) {
        seal(table, reading.length, reading.checksum);
    }
    auto bytes = encode(table);
    if (bytes.size() > max_table_size_bytes) {
        return base::fail(base::Errc::too_large, "the table has " + std::to_string(bytes.size()) +
                                                     " bytes, more than 1 MiB");
    }
    return bytes;
}

}  // namespace doed::cdat
