// SPDX-License-Identifier: Apache-2.0
#include "cdat/json_writer.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace doed::cdat {

namespace {

bool is_plain(char letter) noexcept {
    return letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\';
}

}  // namespace

void JsonWriter::key(std::string_view name) {
    separate();
    out_ += '"';
    out_ += name;
    out_ += indent_ == 0 ? "\":" : "\": ";
    after_key_ = true;
}

void JsonWriter::value(std::string_view text) {
    if (std::ranges::all_of(text, is_plain)) {
        separate();
        out_ += '"';
        out_ += text;
        out_ += '"';
    } else {
        // What a kernel or a bus said: rare, and the library knows all about it.
        raw(nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    }
}

void JsonWriter::value_or_null(std::string_view text) {
    text.empty() ? value(nullptr) : value(text);
}

void JsonWriter::raw(std::string_view text) {
    separate();
    out_ += text;
}

void JsonWriter::begin(char bracket) {
    separate();
    out_ += bracket;
    ++depth_;
    first_ = true;
}

void JsonWriter::end(char bracket) {
    --depth_;
    if (!first_) {
        new_line();
    }
    out_ += bracket;
    first_ = false;
}

void JsonWriter::separate() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (!first_) {
        out_ += ',';
    }
    first_ = false;
    if (depth_ > 0) {
        new_line();
    }
}

void JsonWriter::new_line() {
    if (indent_ > 0) {
        out_ += '\n';
        out_.append(indent_ * depth_, ' ');
    }
}

}  // namespace doed::cdat
