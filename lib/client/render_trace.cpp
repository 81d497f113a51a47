// SPDX-License-Identifier: Apache-2.0
#include "client/render_trace.hpp"

#include "base/dbus_names.hpp"
#include "client/text.hpp"

#include <string_view>

#include <fmt/format.h>

namespace doed::client {

namespace {

constexpr std::string_view absent = "-";

std::string or_absent(const std::string& text) {
    return text.empty() ? std::string(absent) : text;
}

std::string length_text(std::uint32_t length_dw) {
    return length_dw == 0 ? std::string(absent) : std::to_string(length_dw);
}

/// Milliseconds: "1.234"
std::string duration_text(std::uint64_t duration_us) {
    return fmt::format("{}.{:03}", duration_us / 1000, duration_us % 1000);
}

/// Of request and response, in dwords: "3+7"
std::string lengths_text(const TraceRecord& record) {
    if (record.request_length_dw == 0 && record.response_length_dw == 0) {
        return std::string(absent);
    }
    return length_text(record.request_length_dw) + "+" + length_text(record.response_length_dw);
}

/// "1 poll", "0 interrupt", or "286 -" when no response was seen.
std::string looks_text(const TraceRecord& record) {
    return fmt::format("{} {}", record.polls, or_absent(record.completion));
}

/// The status words one after the other, as far as there are any; the zeros in front are left out.
std::string status_text(const TraceRecord& record) {
    const auto short_form = [](std::string_view word) {
        const std::string_view digits = word.starts_with("0x") ? word.substr(2) : word;
        const auto first = digits.find_first_not_of('0');
        return std::string(first == std::string_view::npos ? "0" : digits.substr(first));
    };
    std::string text;
    for (const auto& word :
         {record.status_after_go, record.status_before_abort, record.status_last}) {
        text += (text.empty() ? "" : " ") + (word.empty() ? std::string(absent) : short_form(word));
    }
    return text;
}

/// The last part of doed's own error names, which is what differs.
std::string outcome_text(const TraceRecord& record) {
    std::string_view name = record.outcome;
    if (name.starts_with(names::error_prefix)) {
        name.remove_prefix(std::string_view(names::error_prefix).size());
    }
    return std::string(name) + (record.error.empty() ? "" : ": " + record.error);
}

Tone tone_of_outcome(std::string_view outcome) noexcept {
    return outcome == "ok" || outcome == "running" ? Tone::plain : Tone::doubtful;
}

}  // namespace

std::string render_trace(const TraceDocument& document, bool legend, const Palette& palette) {
    // Short titles: with an outcome that is ok a line fits into 100 columns.
    TextTable lines{"NO", "BEGIN", "MS",     "PURPOSE", "PROTOCOL", "DW",
                    "RW", "POLLS", "STATUS", "ABORT",   "OUTCOME"};
    constexpr std::size_t abort_column = 9;
    constexpr std::size_t outcome_column = 10;
    for (const auto& record : document.records) {
        lines.add({std::to_string(record.sequence), record.begin, duration_text(record.duration_us),
                   record.purpose, or_absent(record.protocol), lengths_text(record),
                   fmt::format("{}+{}", record.reads, record.writes), looks_text(record),
                   status_text(record), or_absent(record.abort), outcome_text(record)});
        lines.tint(abort_column, record.abort == "failed" ? Tone::bad : Tone::plain)
            .tint(outcome_column, tone_of_outcome(record.outcome));
    }
    if (!legend) {
        return lines.render(false, palette);
    }
    const std::string mailbox =
        printable(fmt::format("owner {}, {}, state {}", document.owner,
                              or_absent(document.owner_reason), document.state));
    if (lines.empty()) {
        return fmt::format("Nothing is recorded: {}.\n", mailbox);
    }
    return fmt::format(
        "{}\n{}; {}.\n"
        "MS: milliseconds; DW: dwords of request+response; RW: reads+writes of config space; "
        "POLLS: "
        "looks,\nand what showed the response; STATUS: words after GO, before an abort, last.\n",
        lines.render(true, palette), counted(document.records.size(), "record", "records"),
        mailbox);
}

}  // namespace doed::client
