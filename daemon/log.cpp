// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace doed::daemon {

std::optional<LogLevel> parse_log_level(std::string_view word) noexcept {
    if (word == "error") {
        return LogLevel::error;
    }
    if (word == "warning") {
        return LogLevel::warning;
    }
    if (word == "info") {
        return LogLevel::info;
    }
    if (word == "debug") {
        return LogLevel::debug;
    }
    return std::nullopt;
}

Log::Prefix Log::prefix_for_stderr() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status{};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) {
        return Prefix::none;
    }
    const std::string ours = fmt::format("{}:{}", status.st_dev, status.st_ino);
    return ours == stream ? Prefix::syslog : Prefix::none;
}

void Log::write(LogLevel level, std::string_view line) const {
    if (level > most_verbose_) {
        return;
    }
    std::string text;
    if (prefix_ == Prefix::syslog) {
        fmt::format_to(std::back_inserter(text), "<{}>", static_cast<unsigned>(level));
    }
    fmt::format_to(std::back_inserter(text), "{}\n", line);
    // One write per line: lines of several threads or processes do not mix.
    std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace doed::daemon
