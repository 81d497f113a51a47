// SPDX-License-Identifier: Apache-2.0
//
// Text for terminals: what a device or the bus said is shown, never obeyed; columns line up; bytes as hexadecimal.
#pragma once

#include "client/palette.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace doed::client {

/// The text with everything a terminal could obey or that would reorder it made visible: control characters, line
/// breaks, bidirectional controls and bytes that are no UTF-8 become \xNN, byte by byte.
[[nodiscard]] std::string printable(std::string_view text);

/// "0 entries", "1 entry", "2 entries".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view one, std::string_view many);

/// "a0 00 01"
[[nodiscard]] std::string hex_bytes(std::span<const std::uint8_t> bytes);

/// Rows of cells, made printable and padded to the widest of their column, two spaces apart. Widths count code points.
class TextTable {
public:
    explicit TextTable(std::initializer_list<std::string_view> titles);

    /// Missing cells are empty; there are at most as many as titles.
    void add(std::vector<std::string> cells);
    /// Of a cell of the row that was added last.
    TextTable& tint(std::size_t column, Tone tone);
    [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
    /// Lines with a line break each, none with spaces at its end; the titles first if `legend`.
    [[nodiscard]] std::string render(bool legend, const Palette& palette = Palette()) const;

private:
    struct Cell {
        std::string text;
        Tone tone = Tone::plain;
    };
    using Row = std::vector<Cell>;

    static void append(std::string& out, const Row& row, std::span<const std::size_t> widths,
                       const Palette& palette);

    Row titles_;
    std::vector<Row> rows_;
};

}  // namespace doed::client
