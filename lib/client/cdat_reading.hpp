// SPDX-License-Identifier: Apache-2.0
//
// A CDAT as a client has it: the bytes from doed or a file, taken apart here, and what doed tells about how it got them.
#pragma once

#include "cdat/host_view.hpp"
#include "cdat/table.hpp"
#include "client/records.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace doed::client {

struct CdatReading {
    std::string name;    ///< "0000:0d:00.0/190", or the file's
    std::string source;  ///< "mailbox", "kernel" or "file"
    cdat::Table table;
    /// What doed noticed while it read the table, then what is wrong with the bytes; each once, as one line.
    std::vector<std::string> problems;
    cdat::HostView host;   ///< what the kernel made of the table; of summaries only
    std::string document;  ///< doed's JSON document of the table; empty when it is to be made here

    [[nodiscard]] bool from_file() const noexcept { return source == "file"; }
    /// Whether there is a problem above a notice.
    [[nodiscard]] bool is_defective() const noexcept;
};

[[nodiscard]] CdatReading make_cdat_reading(std::string name, const CdatRecord& record,
                                            std::vector<std::uint8_t> bytes);

}  // namespace doed::client
