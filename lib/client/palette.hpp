// SPDX-License-Identifier: Apache-2.0
//
// Colours on a terminal, few and each with a meaning: what is out of order, what is to be looked at, and titles. Without
// colours every text is the same but for them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace doed::client {

enum class Tone : std::uint8_t {
    plain,
    title,     ///< bold
    doubtful,  ///< yellow: to be looked at
    bad,       ///< red: out of order
};

class Palette {
public:
    /// Without colours.
    Palette() noexcept = default;
    explicit Palette(bool coloured) noexcept : coloured_(coloured) {}

    /// Whether colours are wanted on standard output: it is a terminal that knows them (TERM is set and not "dumb"), and
    /// NO_COLOR is unset or empty. Reads the environment.
    [[nodiscard]] static bool wanted(bool on_terminal);

    [[nodiscard]] std::string paint(Tone tone, std::string_view text) const;

    /// Of lines: those that begin with '!' are bad, with '?' doubtful.
    [[nodiscard]] std::string paint_marked_lines(std::string_view text) const;

private:
    bool coloured_ = false;
};

/// Of the properties State and Owner of a mailbox.
[[nodiscard]] Tone tone_of_state(std::string_view state) noexcept;
[[nodiscard]] Tone tone_of_owner(std::string_view owner) noexcept;

}  // namespace doed::client
