// SPDX-License-Identifier: Apache-2.0
//
// Strict reading of the JSON files a person writes (configuration, topology). Every value knows its place; the first
// thing that is wrong is kept as one line "FILE: /devices/0/vendor: expected ..., found ..." and reading goes on with
// defaults, so that a parser is a plain list of reads with one check() at its end:
//
//     auto document = JsonDocument::load(path);            // syntax errors come from here
//     auto root = document->root().object({"version", "name"});
//     result.version = root.get("version").integer<unsigned>(1, 1);
//     if (auto name = root.find("name")) { result.name = name->string(); }
//     if (auto good = document->check(); !good) { return std::unexpected(good.error()); }
//
// Unknown and repeated keys are errors. No exception of the JSON library leaves this file.
#pragma once

#include "base/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace doed::base {

class JsonObject;

/// One word a string may be, and what it means.
template <typename T>
using JsonChoice = std::pair<std::string_view, T>;

/// A view of one value of a document, valid as long as the document. A wrong type makes the document bad and yields an
/// empty value; on a value that is already bad nothing more is reported.
class JsonValue {
public:
    [[nodiscard]] std::string string() const;
    [[nodiscard]] bool boolean() const;
    /// A number from 0 to 1.
    [[nodiscard]] double fraction() const;

    /// A whole number within [min, max], where min <= 2^63-1 and max >= 0; yields min when it is not.
    template <std::integral T>
    [[nodiscard]] T integer(T min = std::numeric_limits<T>::min(),
                            T max = std::numeric_limits<T>::max()) const {
        return static_cast<T>(integer_within(Limits(min, max), Notation::number));
    }
    /// The same, or a string in hexadecimal such as "0x190".
    template <std::unsigned_integral T>
    [[nodiscard]] T integer_or_hex(T min = 0, T max = std::numeric_limits<T>::max()) const {
        return static_cast<T>(integer_within(Limits(min, max), Notation::number_or_hex));
    }

    /// The meaning of the one of `choices` (never empty) whose word the string is; yields the first when it is none.
    template <typename T>
    [[nodiscard]] T choice(std::span<const JsonChoice<T>> choices) const {
        std::vector<std::string_view> words;
        for (const auto& [word, meaning] : choices) {
            words.push_back(word);
        }
        return choices[choice_index(words)].second;
    }

    [[nodiscard]] std::vector<JsonValue> array() const;
    /// The object, which has no other keys than `known_keys`.
    [[nodiscard]] JsonObject object(std::initializer_list<std::string_view> known_keys) const;
    /// The members of an object whose keys are data.
    [[nodiscard]] std::vector<std::pair<std::string, JsonValue>> members() const;

    [[nodiscard]] bool is_string() const noexcept;
    [[nodiscard]] bool is_number() const noexcept;
    [[nodiscard]] bool is_object() const noexcept;
    [[nodiscard]] bool is_null() const noexcept;

    /// For a rule that only the caller knows: "expected <expected>, found <the value>" at this value's place.
    void refuse(std::string_view expected) const;
    /// The same in free words, after the place.
    void refuse_because(std::string_view reason) const;

private:
    friend class JsonDocument;
    friend class JsonObject;

    /// Holds every range of the 64-bit types that begins below 2^63 and does not end below zero.
    struct Limits {
        template <std::integral T>
        Limits(T lowest, T highest) noexcept
            : min(static_cast<std::int64_t>(lowest)), max(static_cast<std::uint64_t>(highest)) {}
        std::int64_t min;
        std::uint64_t max;
    };
    enum class Notation : std::uint8_t { number, number_or_hex };
    struct Document;

    JsonValue(Document& document, const nlohmann::json* value, std::string pointer);

    [[nodiscard]] std::uint64_t integer_within(const Limits& limits, Notation notation) const;
    [[nodiscard]] std::size_t choice_index(std::span<const std::string_view> words) const;
    [[nodiscard]] JsonValue child(const nlohmann::json& value, std::string_view token) const;

    Document* document_;
    const nlohmann::json* value_;  ///< null when the value is missing or of the wrong type
    std::string pointer_;          ///< JSON pointer (RFC 6901)
};

/// An object whose keys are known beforehand.
class JsonObject {
public:
    /// A member that must be there.
    [[nodiscard]] JsonValue get(std::string_view key) const;
    /// A member that may be left out.
    [[nodiscard]] std::optional<JsonValue> find(std::string_view key) const;
    /// The object as a value, to refuse it as a whole.
    [[nodiscard]] const JsonValue& value() const noexcept { return value_; }

private:
    friend class JsonValue;
    explicit JsonObject(JsonValue value) : value_(std::move(value)) {}

    JsonValue value_;
};

class JsonDocument {
public:
    /// Largest file that is read, unless the caller says more.
    static constexpr std::size_t usual_max_size_bytes = 16U << 20;

    /// Errors: those of read_file; invalid_argument for bad syntax, with line and column, and for repeated keys.
    [[nodiscard]] static Result<JsonDocument> load(
        const std::filesystem::path& path, std::size_t max_size_bytes = usual_max_size_bytes);
    /// The same from memory; `name` stands for the file in messages.
    [[nodiscard]] static Result<JsonDocument> parse(std::string_view text, std::string name);
    /// Whether the member of that name is looked at.
    using Wanted = std::function<bool(std::string_view key)>;
    /// The same with the members of the object at the top that are wanted, and nothing of an array: of what is passed over only
    /// the syntax is looked at, and no memory is taken for it.
    [[nodiscard]] static Result<JsonDocument> parse_members(std::string_view text, std::string name,
                                                            const Wanted& wanted);

    JsonDocument(JsonDocument&&) noexcept;
    JsonDocument& operator=(JsonDocument&&) noexcept;
    ~JsonDocument();

    [[nodiscard]] JsonValue root() const;
    /// Whether all reads so far were right; else the first thing that was wrong, as invalid_argument.
    [[nodiscard]] Result<void> check() const;

private:
    explicit JsonDocument(std::unique_ptr<JsonValue::Document> document) noexcept;
    [[nodiscard]] static Result<JsonDocument> make(std::string_view text, std::string name,
                                                   const Wanted* wanted);

    std::unique_ptr<JsonValue::Document> document_;
};

}  // namespace doed::base
