// SPDX-License-Identifier: Apache-2.0
//
// The daemon's log: lines on standard error, with the level as <N> prefix when standard error is
// the journal. What a machine may want to find goes to the journal with fields, too. Each error is logged once, here in the
// daemon; lib/ logs nothing. A line is one write: used on the bus loop, and elsewhere to tell that the bus loop is stuck.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace doed::daemon {

/// The values are those of syslog(3).
enum class LogLevel : std::uint8_t {
    error = 3,    ///< something is lost until a person acts
    warning = 4,  ///< something is worse than it should be; the service goes on
    info = 6,     ///< what the service did, a few lines per device
    debug = 7,
};

[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view word) noexcept;

/// MESSAGE_ID of entries in the journal; systemd/doed.catalog explains each.
namespace message_ids {
inline constexpr char denied[] = "4bc662ad7ac149d4801d7234e597023c";
}  // namespace message_ids

class Log {
public:
    /// Name and value of a journal field.
    using Field = std::pair<std::string_view, std::string_view>;

    enum class Prefix : std::uint8_t { none, syslog };

    explicit Log(LogLevel most_verbose, Prefix prefix = prefix_for_stderr())
        : most_verbose_(most_verbose), prefix_(prefix) {}

    void error(std::string_view line) const { write(LogLevel::error, line); }
    void warning(std::string_view line) const { write(LogLevel::warning, line); }
    void info(std::string_view line) const { write(LogLevel::info, line); }
    void debug(std::string_view line) const { write(LogLevel::debug, line); }
    /// A line that has a message id and fields when it goes to the journal.
    void event(LogLevel level, std::string_view message_id, std::initializer_list<Field> fields,
               std::string_view line) const;

    /// Whether standard error is the stream that JOURNAL_STREAM names (systemd.exec(5)).
    [[nodiscard]] static Prefix prefix_for_stderr();

private:
    void write(LogLevel level, std::string_view line) const;

    LogLevel most_verbose_;
    Prefix prefix_;
};

}  // namespace doed::daemon
