// SPDX-License-Identifier: Apache-2.0
#include "client/cdat_reading.hpp"

#include "base/json_reader.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::client {

namespace {

/// The line of a problem starts with its severity.
cdat::Severity severity_of(std::string_view line) {
    for (const auto severity : {cdat::Severity::notice, cdat::Severity::warning}) {
        if (line.starts_with(std::string(to_string(severity)) + " ")) {
            return severity;
        }
    }
    return cdat::Severity::error;
}

std::string problem_line(const base::JsonValue& value) {
    std::string severity;
    std::string text;
    std::uint32_t offset_bytes = 0;
    for (const auto& [key, member] : value.members()) {
        if (key == "severity") {
            severity = member.string();
        } else if (key == "offset") {
            offset_bytes = member.integer<std::uint32_t>();
        } else if (key == "text") {
            text = member.string();
        }
    }
    return fmt::format("{} at byte {}: {}", severity, offset_bytes, text);
}

}  // namespace

bool CdatReading::is_defective() const noexcept {
    return worst().value_or(cdat::Severity::notice) != cdat::Severity::notice;
}

std::optional<cdat::Severity> CdatReading::worst() const noexcept {
    std::optional<cdat::Severity> worst;
    for (const auto& problem : problems) {
        worst = std::max(worst, std::optional(severity_of(problem)));
    }
    return worst;
}

std::string CdatReading::problem_count() const {
    const auto count = std::to_string(problems.size() - std::min(cut_lists, problems.size()));
    return cut_lists == 0 ? count : "more than " + count;
}

std::string CdatReading::counted_problems() const {
    if (problems.empty()) {
        return "no problems";
    }
    return problem_count() + (problems.size() == 1 ? " problem" : " problems");
}

std::string CdatReading::check_command() const {
    if (!from_file()) {
        return "doectl cdat " + name + " --check";
    }
    return "doectl cdat --file " + (name == standard_input_name ? "-" : name) + " --check";
}

CdatReading make_cdat_reading(std::string name, const CdatRecord& record,
                              std::vector<std::uint8_t> bytes) {
    CdatReading reading;
    reading.name = std::move(name);
    reading.source = record.source;
    reading.table = cdat::Table::parse(std::move(bytes));
    reading.problems = record.problems;
    std::string stands_for_others;
    for (const auto& problem : reading.table.all_problems()) {
        if (problem.kind == cdat::ProblemKind::more_problems) {
            stands_for_others = ": " + problem.text;
        }
        auto line = cdat::to_string(problem);
        if (std::ranges::find(reading.problems, line) == reading.problems.end()) {
            reading.problems.push_back(std::move(line));
        }
    }
    // doed's list, which has what it noticed while reading, may be cut elsewhere.
    if (!stands_for_others.empty()) {
        reading.cut_lists = static_cast<std::size_t>(std::ranges::count_if(
            reading.problems,
            [&](const std::string& line) { return line.ends_with(stands_for_others); }));
    }
    return reading;
}

Outcome<std::optional<std::vector<std::string>>> problems_of_document(std::string_view document) {
    const auto parsed = base::JsonDocument::parse(document, "doed's document of the table");
    if (!parsed) {
        return failed(FailureKind::general, parsed.error().message(), versions_differ);
    }
    std::optional<std::vector<std::string>> problems;
    for (const auto& [key, member] : parsed->root().members()) {
        if (key == "problems") {
            problems.emplace();
            for (const auto& problem : member.array()) {
                problems->push_back(problem_line(problem));
            }
        }
    }
    if (const auto good = parsed->check(); !good) {
        return failed(FailureKind::general, good.error().message(), versions_differ);
    }
    return problems;
}

}  // namespace doed::client
