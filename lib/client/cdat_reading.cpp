// SPDX-License-Identifier: Apache-2.0
#include "client/cdat_reading.hpp"

#include <algorithm>
#include <utility>

namespace doed::client {

bool CdatReading::is_defective() const noexcept {
    return !std::ranges::all_of(
        problems, [](const std::string& problem) { return problem.starts_with("notice "); });
}

CdatReading make_cdat_reading(std::string name, const CdatRecord& record,
                              std::vector<std::uint8_t> bytes) {
    CdatReading reading{.name = std::move(name),
                        .source = record.source,
                        .table = cdat::Table::parse(std::move(bytes)),
                        .problems = record.problems,
                        .document = {}};
    for (const auto& problem : reading.table.all_problems()) {
        auto line = cdat::to_string(problem);
        if (std::ranges::find(reading.problems, line) == reading.problems.end()) {
            reading.problems.push_back(std::move(line));
        }
    }
    return reading;
}

}  // namespace doed::client
