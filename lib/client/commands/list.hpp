// SPDX-License-Identifier: Apache-2.0
//
// doectl list: every device with its mailboxes.
#pragma once

#include "client/commands/command.hpp"

namespace doed::client {

struct ListOptions {
    bool names = false;  ///< only the names of devices and mailboxes, a line each: for completion
};

[[nodiscard]] Outcome<CommandOutput> run(const ListOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
