// SPDX-License-Identifier: Apache-2.0
//
// A CDAT as a client has it: the bytes from doed, taken apart here, and what doed tells about how it got them.
#pragma once

#include "cdat/table.hpp"
#include "client/records.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace doed::client {

struct CdatReading {
    std::string mailbox;  ///< "0000:0d:00.0/190"
    std::string source;   ///< "mailbox" or "kernel"
    cdat::Table table;
    /// What doed noticed while it read the table, then what is wrong with the bytes; each once, as one line.
    std::vector<std::string> problems;
};

[[nodiscard]] CdatReading make_cdat_reading(std::string mailbox, const CdatRecord& record,
                                            std::vector<std::uint8_t> bytes);

/// Whether one of the table's problems, above a notice, lies in this structure.
[[nodiscard]] bool has_problem(const cdat::Table& table, const cdat::RawStructure& structure);

}  // namespace doed::client
