// SPDX-License-Identifier: Apache-2.0
#include "client/progress_line.hpp"

#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace doed::client {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 500ms;
constexpr char erase_line[] = "\r\x1b[K";

}  // namespace

ProgressLine::ProgressLine(int terminal, std::string what)
    : terminal_(terminal), what_(std::move(what)) {}

ProgressLine::~ProgressLine() {
    if (shown_ >= 0s) {
        write(erase_line);
    }
}

void ProgressLine::waited(std::chrono::microseconds elapsed) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed);
    if (elapsed >= patience && seconds != shown_) {
        write(fmt::format("{}{} ({} s)", erase_line, what_, seconds.count()));
        shown_ = seconds;
    }
}

void ProgressLine::write(const std::string& text) const {
    // A terminal that takes nothing is no reason to fail.
    [[maybe_unused]] const auto count = ::write(terminal_, text.data(), text.size());
}

}  // namespace doed::client
