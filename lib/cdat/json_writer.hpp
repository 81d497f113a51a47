// SPDX-License-Identifier: Apache-2.0
//
// Writes a JSON text from its beginning to its end. A document of a long table has a million values: as a tree of them it would
// take a hundred times the memory of the table, and most of the time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace doed::cdat {

class JsonWriter {
public:
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

    /// Lines are indented by `indent` spaces for each level; all is one line without.
    explicit JsonWriter(std::size_t indent, std::size_t max_size_bytes = no_limit)
        : indent_(indent), max_size_bytes_(max_size_bytes) {}

    /// The text is longer than it may be: whoever writes a long list stops at that.
    [[nodiscard]] bool full() const noexcept { return out_.size() > max_size_bytes_; }

    void begin_object() { begin('{'); }
    void end_object() { end('}'); }
    void begin_array() { begin('['); }
    void end_array() { end(']'); }

    /// The next value's, within an object. Keys are plain: nothing in them needs escaping.
    void key(std::string_view name);

    void value(std::string_view text);
    void value(const char* text) { value(std::string_view(text)); }
    void value(bool truth) { raw(truth ? "true" : "false"); }
    void value(std::nullptr_t) { raw("null"); }
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    void value(T number) {
        raw(std::to_string(number));
    }
    /// A number as a text, for readers who have no 64 bits.
    void text_value(std::uint64_t number) { value(std::string_view(std::to_string(number))); }
    /// null for an empty text.
    void value_or_null(std::string_view text);

    template <typename T>
    void member(std::string_view name, const T& content) {
        key(name);
        value(content);
    }

    [[nodiscard]] std::string take() noexcept { return std::move(out_); }

private:
    void begin(char bracket);
    void end(char bracket);
    void raw(std::string_view text);
    /// What stands in front of an element.
    void separate();
    void new_line();

    std::size_t indent_;
    std::size_t max_size_bytes_;
    std::size_t depth_ = 0;
    bool first_ = true;       ///< of its array or object
    bool after_key_ = false;  ///< a value follows
    std::string out_;
};

}  // namespace doed::cdat
