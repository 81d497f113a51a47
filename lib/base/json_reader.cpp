// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.hpp"

#include "base/assert.hpp"
#include "base/read_file.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <string>

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

// "[json.exception.parse_error.101] parse error at line 3, column 7: ..." without the library's own name for it.
std::string syntax_message(std::string_view text) {
    const auto end_of_id = text.find("] ");
    return std::string(end_of_id == std::string_view::npos ? text : text.substr(end_of_id + 2));
}

// Puts the document together as the parser goes through it, each value where it belongs at once. The library's own way keeps the
// last value of a key that an object has twice, without a word; its way with a callback looks through all elements before
// with each one that ends, and takes the square of the time.
class ContentMaker final : public json::json_sax_t {
public:
    /// With `wanted`, of an object at the top those members, and of an array nothing.
    explicit ContentMaker(const JsonDocument::Wanted* wanted) : wanted_(wanted) {}

    [[nodiscard]] json take() noexcept { return std::move(content_); }
    /// What is wrong, with its place; empty when nothing is.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override { return add(value); }
    bool number_float(number_float_t value, const string_t&) override { return add(value); }
    bool string(string_t& value) override { return add(std::move(value)); }
    bool binary(binary_t&) override { return false; }  // no text has it
    bool start_object(std::size_t) override { return begin(json::value_t::object); }
    bool start_array(std::size_t) override { return begin(json::value_t::array); }
    bool end_object() override { return end(); }
    bool end_array() override { return end(); }

    bool key(string_t& key) override {
        if (skipped_depth_ > 0) {
            return true;
        }
        if (open_.size() == 1 && wanted_ != nullptr) {
            passes_over_ = !(*wanted_)(key);
            if (passes_over_) {
                return true;
            }
        }
        Container& object = open_.back();
        const auto [member, is_new] =
            object.value->get_ref<json::object_t&>().try_emplace(std::move(key));
        object.key = &member->first;
        object.place = &member->second;
        if (!is_new) {
            problem_ = pointer() + ": the key appears twice";
        }
        return is_new;
    }
    bool parse_error(std::size_t, const std::string&,
                     const nlohmann::detail::exception& error) override {
        problem_ = syntax_message(error.what());
        return false;
    }

private:
    /// An array or object that has not ended. Those around it do not change meanwhile, so that addresses in them stay.
    struct Container {
        json* value;
        const std::string* key = nullptr;  ///< of an object: the member that is next
        json* place = nullptr;             ///< of an object: where that goes
    };

    [[nodiscard]] bool skips() const {
        return skipped_depth_ > 0 || (wanted_ != nullptr && open_.size() == 1 &&
                                      (open_.front().value->is_array() || passes_over_));
    }
    json& put(json value) {
        if (open_.empty()) {
            return content_ = std::move(value);
        }
        Container& around = open_.back();
        if (around.value->is_array()) {
            return around.value->get_ref<json::array_t&>().emplace_back(std::move(value));
        }
        return *around.place = std::move(value);
    }
    bool add(json value) {
        if (!skips()) {
            put(std::move(value));
        }
        return true;
    }
    bool begin(json::value_t type) {
        if (skips()) {
            ++skipped_depth_;
        } else {
            open_.push_back({.value = &put(json(type))});
        }
        return true;
    }
    bool end() {
        if (skipped_depth_ > 0) {
            --skipped_depth_;
        } else {
            open_.pop_back();
        }
        return true;
    }
    /// Of the key that was read last.
    [[nodiscard]] std::string pointer() const {
        std::string pointer;
        for (const Container& container : open_) {
            pointer +=
                '/' + (container.value->is_array() ? std::to_string(container.value->size() - 1)
                                                   : escape_token(*container.key));
        }
        return pointer;
    }

    const JsonDocument::Wanted* wanted_;  ///< null: all
    bool passes_over_ = false;            ///< the member at the top that is read is not wanted
    std::size_t skipped_depth_ = 0;
    std::vector<Container> open_;
    json content_;
    std::string problem_;
};

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
    return make(text, std::move(name), nullptr);
}

Result<JsonDocument> JsonDocument::parse_members(std::string_view text, std::string name,
                                                 const Wanted& wanted) {
    return make(text, std::move(name), &wanted);
}

Result<JsonDocument> JsonDocument::make(std::string_view text, std::string name,
                                        const Wanted* wanted) {
    ContentMaker maker(wanted);
    if (!json::sax_parse(text, &maker)) {
        return fail(Errc::invalid_argument, name + ": " + maker.problem());
    }
    return JsonDocument(std::make_unique<JsonValue::Document>(std::move(name), maker.take()));
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
