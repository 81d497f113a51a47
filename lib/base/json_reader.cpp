// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.hpp"

#include "base/assert.hpp"
#include "base/read_file.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <set>

namespace doed::base {

using nlohmann::json;

namespace {

// One step of a JSON pointer (RFC 6901 3). Control characters would break the one line of a message.
std::string escape_token(std::string_view token) {
    std::string escaped;
    for (const char c : token) {
        switch (c) {
            case '~': escaped += "~0"; break;
            case '/': escaped += "~1"; break;
            default: escaped += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
        }
    }
    return escaped;
}

// What a message says was found. Long texts are cut.
std::string describe_value(const json& value) {
    constexpr std::size_t longest_shown = 60;
    switch (value.type()) {
        case json::value_t::null: return "null";
        case json::value_t::object: return "an object";
        case json::value_t::array: return "an array";
        case json::value_t::boolean: return value.get<bool>() ? "true" : "false";
        case json::value_t::string: {
            std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
            return text.size() <= longest_shown ? text : text.substr(0, longest_shown) + "...\"";
        }
        default: return value.dump();
    }
}

std::string quoted_list(std::span<const std::string_view> words) {
    std::string list;
    for (const auto word : words) {
        list += (list.empty() ? "\"" : ", \"") + std::string(word) + '"';
    }
    return list;
}

// Follows the parser through the document and remembers the first key that an object has twice; the library keeps the
// last value of such a key without a word.
class RepeatedKeyFinder {
public:
    void on_event(json::parse_event_t event, const json& parsed) {
        switch (event) {
            case json::parse_event_t::object_start: frames_.push_back({.is_array = false}); break;
            case json::parse_event_t::array_start: frames_.push_back({.is_array = true}); break;
            case json::parse_event_t::key: on_key(parsed.get_ref<const std::string&>()); break;
            case json::parse_event_t::object_end:
            case json::parse_event_t::array_end:
                frames_.pop_back();
                end_element();
                break;
            case json::parse_event_t::value: end_element(); break;
        }
    }

    [[nodiscard]] const std::optional<std::string>& pointer() const noexcept { return pointer_; }

private:
    struct Frame {
        bool is_array;
        std::size_t index = 0;
        std::string key{};
        std::set<std::string> keys{};
    };

    void on_key(const std::string& key) {
        frames_.back().key = key;
        if (!frames_.back().keys.insert(key).second && !pointer_) {
            pointer_.emplace();
            for (const auto& frame : frames_) {
                *pointer_ +=
                    '/' + (frame.is_array ? std::to_string(frame.index) : escape_token(frame.key));
            }
        }
    }
    void end_element() {
        if (!frames_.empty()) {
            ++frames_.back().index;
        }
    }

    std::vector<Frame> frames_;
    std::optional<std::string> pointer_;
};

// "[json.exception.parse_error.101] parse error at line 3, column 7: ..." without the library's own name for it.
std::string syntax_message(const json::exception& error) {
    const std::string_view text = error.what();
    const auto end_of_id = text.find("] ");
    return std::string(end_of_id == std::string_view::npos ? text : text.substr(end_of_id + 2));
}

}  // namespace

struct JsonValue::Document {
    std::string name;
    json content;
    std::optional<Error> first_error{};
};

JsonValue::JsonValue(Document& document, const json* value, std::string pointer)
    : document_(&document), value_(value), pointer_(std::move(pointer)) {}

bool JsonValue::is_string() const noexcept {
    return value_ != nullptr && value_->is_string();
}

bool JsonValue::is_number() const noexcept {
    return value_ != nullptr && value_->is_number();
}

bool JsonValue::is_object() const noexcept {
    return value_ != nullptr && value_->is_object();
}

bool JsonValue::is_null() const noexcept {
    return value_ != nullptr && value_->is_null();
}

void JsonValue::refuse(std::string_view expected) const {
    if (value_ != nullptr) {
        refuse_because("expected " + std::string(expected) + ", found " + describe_value(*value_));
    }
}

void JsonValue::refuse_because(std::string_view reason) const {
    if (value_ != nullptr && !document_->first_error) {
        const std::string place = pointer_.empty() ? "top level" : pointer_;
        // Words that came out of the document may have anything in them.
        std::string line(reason);
        std::ranges::replace_if(
            line, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
        document_->first_error.emplace(Errc::invalid_argument,
                                       document_->name + ": " + place + ": " + line);
    }
}

std::string JsonValue::string() const {
    if (!is_string()) {
        refuse("a string");
        return {};
    }
    return value_->get_ref<const std::string&>();
}

bool JsonValue::boolean() const {
    if (value_ == nullptr || !value_->is_boolean()) {
        refuse("true or false");
        return false;
    }
    return value_->get<bool>();
}

double JsonValue::fraction() const {
    const double number = is_number() ? value_->get<double>() : -1;
    if (number < 0 || number > 1) {
        refuse("a number from 0 to 1");
        return 0;
    }
    return number;
}

std::uint64_t JsonValue::integer_within(const Limits& limits, Notation notation) const {
    const auto within = [&](auto number) {
        return std::cmp_greater_equal(number, limits.min) &&
               std::cmp_less_equal(number, limits.max);
    };
    if (value_ != nullptr && value_->is_number_unsigned() && within(value_->get<std::uint64_t>())) {
        return value_->get<std::uint64_t>();
    }
    if (value_ != nullptr && value_->is_number_integer() && !value_->is_number_unsigned() &&
        within(value_->get<std::int64_t>())) {
        return static_cast<std::uint64_t>(value_->get<std::int64_t>());
    }
    if (notation == Notation::number_or_hex && is_string()) {
        const std::string_view text = value_->get_ref<const std::string&>();
        std::uint64_t number = 0;
        const auto [end, error] =
            std::from_chars(text.data() + std::min<std::size_t>(2, text.size()),
                            text.data() + text.size(), number, 16);
        if (text.starts_with("0x") && error == std::errc{} && end == text.data() + text.size() &&
            within(number)) {
            return number;
        }
    }
    const std::string range = std::to_string(limits.min) + " to " + std::to_string(limits.max);
    refuse(notation == Notation::number
               ? "a whole number from " + range
               : "a whole number, or a string such as \"0x1a\", from " + range);
    return static_cast<std::uint64_t>(limits.min);
}

std::size_t JsonValue::choice_index(std::span<const std::string_view> words) const {
    DOED_ASSERT(!words.empty());
    const auto found =
        is_string() ? std::ranges::find(words, value_->get_ref<const std::string&>()) : words.end();
    if (found == words.end()) {
        refuse("one of " + quoted_list(words));
        return 0;
    }
    return static_cast<std::size_t>(found - words.begin());
}

JsonValue JsonValue::child(const json& value, std::string_view token) const {
    return {*document_, &value, pointer_ + '/' + escape_token(token)};
}

std::vector<JsonValue> JsonValue::array() const {
    std::vector<JsonValue> elements;
    if (value_ == nullptr || !value_->is_array()) {
        refuse("an array");
        return elements;
    }
    for (std::size_t i = 0; i < value_->size(); ++i) {
        elements.push_back(child((*value_)[i], std::to_string(i)));
    }
    return elements;
}

std::vector<std::pair<std::string, JsonValue>> JsonValue::members() const {
    std::vector<std::pair<std::string, JsonValue>> members;
    if (!is_object()) {
        refuse("an object");
        return members;
    }
    for (auto member = value_->begin(); member != value_->end(); ++member) {
        members.emplace_back(member.key(), child(member.value(), member.key()));
    }
    return members;
}

JsonObject JsonValue::object(std::initializer_list<std::string_view> known_keys) const {
    if (!is_object()) {
        refuse("an object");
        return JsonObject(JsonValue(*document_, nullptr, pointer_));
    }
    for (auto member = value_->begin(); member != value_->end(); ++member) {
        if (std::ranges::find(known_keys, member.key()) == known_keys.end()) {
            child(member.value(), member.key())
                .refuse_because("unknown key; known here are " +
                                quoted_list(std::span(known_keys.begin(), known_keys.size())));
        }
    }
    return JsonObject(*this);
}

JsonValue JsonObject::get(std::string_view key) const {
    if (auto member = find(key)) {
        return *member;
    }
    value_.refuse_because("the key \"" + std::string(key) + "\" is missing");
    return {*value_.document_, nullptr, value_.pointer_ + '/' + escape_token(key)};
}

std::optional<JsonValue> JsonObject::find(std::string_view key) const {
    if (value_.value_ == nullptr) {
        return std::nullopt;
    }
    const auto member = value_.value_->find(key);
    if (member == value_.value_->end()) {
        return std::nullopt;
    }
    return value_.child(*member, key);
}

JsonDocument::JsonDocument(std::unique_ptr<JsonValue::Document> document) noexcept
    : document_(std::move(document)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

Result<JsonDocument> JsonDocument::load(const std::filesystem::path& path,
                                        std::size_t max_size_bytes) {
    const auto bytes = read_file(path, max_size_bytes);
    if (!bytes) {
        return std::unexpected(bytes.error());
    }
    return parse(std::string(bytes->begin(), bytes->end()), path.string());
}

Result<JsonDocument> JsonDocument::parse(std::string_view text, std::string name) {
    try {
        RepeatedKeyFinder repeated;
        json content = json::parse(text, [&](int, json::parse_event_t event, json& parsed) {
            repeated.on_event(event, parsed);
            return true;
        });
        if (repeated.pointer()) {
            return fail(Errc::invalid_argument,
                        name + ": " + *repeated.pointer() + ": the key appears twice");
        }
        return JsonDocument(
            std::make_unique<JsonValue::Document>(std::move(name), std::move(content)));
    } catch (const json::exception& error) {
        return fail(Errc::invalid_argument, name + ": " + syntax_message(error));
    }
}

JsonValue JsonDocument::root() const {
    return {*document_, &document_->content, ""};
}

Result<void> JsonDocument::check() const {
    if (document_->first_error) {
        return std::unexpected(*document_->first_error);
    }
    return {};
}

}  // namespace doed::base
