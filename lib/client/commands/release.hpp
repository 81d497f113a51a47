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

/// Borrows the mailbox and runs the command to its end; doed has the mailbox back when none of the command's processes holds
/// the lease any more. The output carries the exit status that LentCommand::run() gives.
[[nodiscard]] Outcome<CommandOutput> run(const ReleaseOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
