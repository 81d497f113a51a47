// SPDX-License-Identifier: Apache-2.0
//
// doectl reset: aborts what a mailbox is doing and has doed claim it anew.
#pragma once

#include "client/commands/command.hpp"

#include <string>

namespace doed::client {

struct ResetOptions {
    std::string device;  ///< as the user wrote it
};

/// Prints nothing; returns when the mailbox is ready again.
[[nodiscard]] Outcome<CommandOutput> run(const ResetOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
