// SPDX-License-Identifier: Apache-2.0
//
// The ways a CDAT can be looked at, wherever its bytes come from.
#pragma once

#include "client/cdat_reading.hpp"
#include "client/commands/command.hpp"

#include <optional>
#include <span>
#include <string>

namespace doed::client {

/// At most one of these; a report when there is none.
struct CdatView {
    std::optional<std::string> raw_file;  ///< the bytes go there; "-" is standard output
    bool hex = false;                     ///< every byte with its field
    bool summary = false;                 ///< how far and how fast
    bool check = false;                   ///< its problems, which also decide the exit status
};

/// Exit status of a check that found a problem above a notice.
inline constexpr int check_failed_status = 1;

/// One table. JSON takes the place of report, summary and check; a check still decides the exit status.
[[nodiscard]] Outcome<CommandOutput> output_of(const CdatReading& reading, const CdatView& view,
                                               const OutputOptions& output);
/// All tables of a host, never raw.
[[nodiscard]] Outcome<CommandOutput> output_of_all(std::span<const CdatReading> readings,
                                                   const CdatView& view,
                                                   const OutputOptions& output);

}  // namespace doed::client
