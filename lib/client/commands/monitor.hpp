// SPDX-License-Identifier: Apache-2.0
//
// doectl monitor: every mailbox as it is now, then what happens to it, line by line, until a signal or the reader's going away
// ends it. A doed that goes away is waited for.
#pragma once

#include "client/commands/command.hpp"
#include "client/output_lines.hpp"

#include <span>
#include <string>

namespace doed::client {

struct MonitorOptions {
    std::string device;  ///< as the user wrote it; empty: all of the host
};

/// Writes to `lines` itself; the output is empty. `ends`: as for Service::follow().
[[nodiscard]] Outcome<CommandOutput> run(const MonitorOptions& options, Service& service,
                                         OutputLines& lines, std::span<const pollfd> ends,
                                         const OutputOptions& output);

}  // namespace doed::client
