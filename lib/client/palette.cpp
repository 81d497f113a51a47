// SPDX-License-Identifier: Apache-2.0
#include "client/palette.hpp"

#include <cstdlib>

namespace doed::client {

namespace {

constexpr std::string_view reset = "\x1b[0m";

std::string_view begin_of(Tone tone) noexcept {
    switch (tone) {
        case Tone::plain: break;
        case Tone::title: return "\x1b[1m";
        case Tone::doubtful: return "\x1b[33m";
        case Tone::bad: return "\x1b[31m";
    }
    return "";
}

Tone tone_of_mark(std::string_view line) noexcept {
    if (line.starts_with('!')) {
        return Tone::bad;
    }
    return line.starts_with('?') ? Tone::doubtful : Tone::plain;
}

std::string_view variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

bool Palette::wanted(bool on_terminal) {
    const auto terminal = variable("TERM");
    return on_terminal && variable("NO_COLOR").empty() && !terminal.empty() && terminal != "dumb";
}

std::string Palette::paint(Tone tone, std::string_view text) const {
    if (!coloured_ || tone == Tone::plain || text.empty()) {
        return std::string(text);
    }
    return std::string(begin_of(tone)).append(text).append(reset);
}

std::string Palette::paint_marked_lines(std::string_view text) const {
    if (!coloured_) {
        return std::string(text);
    }
    std::string out;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        out += paint(tone_of_mark(line), line);
        text.remove_prefix(line.size());
        if (!text.empty()) {
            out += '\n';
            text.remove_prefix(1);
        }
    }
    return out;
}

Tone tone_of_state(std::string_view state) noexcept {
    if (state == "dead" || state == "gone") {
        return Tone::bad;
    }
    return state == "none" || state == "aborting" ? Tone::doubtful : Tone::plain;
}

Tone tone_of_owner(std::string_view owner) noexcept {
    return owner == "none" ? Tone::doubtful : Tone::plain;
}

}  // namespace doed::client
