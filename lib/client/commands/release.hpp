// SPDX-License-Identifier: Apache-2.0
//
// doectl release: a command runs while doed leaves one mailbox alone.
#pragma once

#include "client/commands/command.hpp"

#include <string>
#include <vector>

namespace doed::client {

struct ReleaseOptions {
    std::string device;                ///< as the user wrote it
    std::vector<std::string> command;  ///< with its arguments; never empty
};

/// Borrows the mailbox, runs the command to its end, gives the mailbox back. The output carries the command's exit status:
/// its own, 128 plus the signal that ended it, 127 when it was not found, 126 when it could not be run.
[[nodiscard]] Outcome<CommandOutput> run(const ReleaseOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
