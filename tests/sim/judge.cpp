// SPDX-License-Identifier: Apache-2.0
#include "sim/judge.hpp"

#include <cstdarg>

namespace doed::sim {

void Judge::breach(std::string_view rule, const std::string& who, std::string_view what) {
    if (breached()) {
        return;
    }
    const std::string seed = std::to_string(seed_);
    line_ = "seed " + seed + " at " + virtual_time(strands_) + ": " + std::string(rule) + ": " +
            who + ": " + std::string(what) + "; replay: tests/sim/sim --seed " + seed +
            " --verbose";
    note("BREACH %.*s: %s: %.*s", static_cast<int>(rule.size()), rule.data(), who.c_str(),
         static_cast<int>(what.size()), what.data());
}

void Judge::note(const char* format, ...) {
    if (!listens()) {
        return;
    }
    std::fprintf(history_, "%16s  ", virtual_time(strands_).c_str());
    std::va_list arguments;
    va_start(arguments, format);
    std::vfprintf(history_, format, arguments);
    va_end(arguments);
    std::fputc('\n', history_);
}

std::string virtual_time(const test::SimStrands& strands) {
    const auto since_start = strands.now() - test::SimStrands::start;
    char text[40];
    std::snprintf(text, sizeof(text), "%lld.%09lld s",
                  static_cast<long long>(since_start.count() / 1'000'000'000),
                  static_cast<long long>(since_start.count() % 1'000'000'000));
    return text;
}

}  // namespace doed::sim
