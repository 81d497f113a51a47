// SPDX-License-Identifier: Apache-2.0
#include "client/cdat_reading.hpp"

#include <algorithm>
#include <utility>

namespace doed::client {

CdatReading make_cdat_reading(std::string mailbox, const CdatRecord& record,
                              std::vector<std::uint8_t> bytes) {
    CdatReading reading{std::move(mailbox), record.source, cdat::Table::parse(std::move(bytes)),
                        record.problems};
    for (const auto& problem : reading.table.problems()) {
        auto line = cdat::to_string(problem);
        if (std::ranges::find(reading.problems, line) == reading.problems.end()) {
            reading.problems.push_back(std::move(line));
        }
    }
    return reading;
}

bool has_problem(const cdat::Table& table, const cdat::RawStructure& structure) {
    return std::ranges::any_of(table.problems(), [&](const cdat::Problem& problem) {
        return problem.severity != cdat::Severity::notice &&
               problem.offset_bytes >= structure.offset_bytes &&
               problem.offset_bytes - structure.offset_bytes < structure.length_bytes;
    });
}

}  // namespace doed::client
