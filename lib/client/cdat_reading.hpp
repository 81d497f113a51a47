// SPDX-License-Identifier: Apache-2.0
//
// A CDAT as a client has it: the bytes from doed or a file, taken apart here, and what doed tells about how it got them.
#pragma once

#include "cdat/host_view.hpp"
#include "cdat/table.hpp"
#include "client/failure.hpp"
#include "client/records.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace doed::client {

/// The name of a table from there.
inline constexpr std::string_view standard_input_name = "standard input";

struct CdatReading {
    std::string name;    ///< "0000:0d:00.0/190", or the file's
    std::string source;  ///< "mailbox", "kernel" or "file"
    cdat::Table table;
    /// What doed noticed while it read the table, then what is wrong with the bytes; each once, as one line.
    std::vector<std::string> problems;
    std::size_t cut_lists = 0;  ///< lines among the problems that stand for others
    cdat::HostView host;        ///< what the kernel made of the table; of summaries only
    std::string document;  ///< doed's JSON document of the table; empty when it is to be made here
    bool unread = false;   ///< the table could not be read: there is only a name
    bool host_withheld = false;  ///< what the kernel made of the table was asked for, but not had

    [[nodiscard]] bool from_file() const noexcept { return source == "file"; }
    /// Whether there is a problem above a notice.
    [[nodiscard]] bool is_defective() const noexcept;
    /// Of the worst problem; nothing without problems.
    [[nodiscard]] std::optional<cdat::Severity> worst() const noexcept;
    /// "3", "more than 64"
    [[nodiscard]] std::string problem_count() const;
    /// "no problems", "1 problem", "more than 64 problems"
    [[nodiscard]] std::string counted_problems() const;
    /// "doectl cdat 0000:0d:00.0/190 --check": the command that lists the problems.
    [[nodiscard]] std::string check_command() const;
};

[[nodiscard]] CdatReading make_cdat_reading(std::string name, const CdatRecord& record,
                                            std::vector<std::uint8_t> bytes);

/// The lines of the problems that a JSON document of a table has (docs/cdat.schema.json); nothing when it does not say.
/// Failure: general, when it is no such document.
[[nodiscard]] Outcome<std::optional<std::vector<std::string>>> problems_of_document(
    std::string_view document);

}  // namespace doed::client
