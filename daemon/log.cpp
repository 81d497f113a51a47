// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include <systemd/sd-journal.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
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

void Log::event(LogLevel level, std::string_view message_id, std::initializer_list<Field> fields,
                std::string_view line) const {
    if (level > most_verbose_) {
        return;
    }
    std::vector<std::string> entries{
        fmt::format("MESSAGE={}", line), fmt::format("MESSAGE_ID={}", message_id),
        fmt::format("PRIORITY={}", static_cast<unsigned>(level)), "SYSLOG_IDENTIFIER=doed"};
    for (const auto& [name, value] : fields) {
        entries.push_back(fmt::format("{}={}", name, value));
    }
    std::vector<iovec> parts;
    parts.reserve(entries.size());
    for (auto& entry : entries) {
        parts.push_back({entry.data(), entry.size()});
    }
    if (prefix_ == Prefix::none ||
        ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) < 0) {
        write(level, line);
    }
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
