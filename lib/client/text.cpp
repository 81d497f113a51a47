// SPDX-License-Identifier: Apache-2.0
#include "client/text.hpp"

#include "base/assert.hpp"
#include "base/utf8.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace doed::client {

namespace {

bool continues(unsigned char byte) noexcept {
    return (byte & 0xC0U) == 0x80U;
}

bool obeyed_by_terminals(char32_t value) noexcept {
    const bool control = value < 0x20 || (value >= 0x7F && value <= 0x9F);
    const bool line_break = value == 0x2028 || value == 0x2029;
    const bool bidirectional = value == 0x200E || value == 0x200F || value == 0x061C ||
                               (value >= 0x202A && value <= 0x202E) ||
                               (value >= 0x2066 && value <= 0x2069);
    return control || line_break || bidirectional;
}

std::size_t width(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return !continues(static_cast<unsigned char>(c)); }));
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto [value, size] = base::first_code_point(text);
        const auto bytes = text.substr(0, std::max<std::size_t>(size, 1));
        if (size != 0 && !obeyed_by_terminals(value)) {
            out += bytes;
        } else {
            for (const char byte : bytes) {
                fmt::format_to(std::back_inserter(out), "\\x{:02x}",
                               static_cast<unsigned char>(byte));
            }
        }
        text.remove_prefix(bytes.size());
    }
    return out;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string hex_bytes(std::span<const std::uint8_t> bytes) {
    return fmt::format("{:02x}", fmt::join(bytes, " "));
}

TextTable::TextTable(std::initializer_list<std::string_view> titles) {
    for (const auto title : titles) {
        titles_.push_back({std::string(title), Tone::title});
    }
}

void TextTable::add(std::vector<std::string> cells) {
    DOED_ASSERT(cells.size() <= titles_.size());
    Row row(titles_.size());
    std::ranges::transform(cells, row.begin(),
                           [](const std::string& cell) { return Cell{printable(cell)}; });
    rows_.push_back(std::move(row));
}

TextTable& TextTable::tint(std::size_t column, Tone tone) {
    DOED_ASSERT(!rows_.empty() && column < titles_.size());
    rows_.back()[column].tone = tone;
    return *this;
}

void TextTable::append(std::string& out, const Row& row, std::span<const std::size_t> widths,
                       const Palette& palette) {
    std::size_t blanks = 0;  // before the next cell that is not empty
    for (std::size_t column = 0; column < row.size(); ++column) {
        const auto& [text, tone] = row[column];
        if (!text.empty()) {
            out.append(blanks, ' ').append(palette.paint(tone, text));
            blanks = 0;
        }
        blanks += widths[column] - width(text) + 2;
    }
    out += '\n';
}

std::string TextTable::render(bool legend, const Palette& palette) const {
    std::vector<std::size_t> widths(titles_.size(), 0);
    const auto widen = [&](const Row& row) {
        std::ranges::transform(row, widths, widths.begin(),
                               [](const Cell& cell, std::size_t widest) {
                                   return std::max(width(cell.text), widest);
                               });
    };
    if (legend) {
        widen(titles_);
    }
    std::ranges::for_each(rows_, widen);

    std::string out;
    if (legend) {
        append(out, titles_, widths, palette);
    }
    for (const auto& row : rows_) {
        append(out, row, widths, palette);
    }
    return out;
}

}  // namespace doed::client
