// SPDX-License-Identifier: Apache-2.0
//
// doectl show: everything doed tells about one device, or about one of its mailboxes.
#pragma once

#include "client/commands/command.hpp"

#include <string>

namespace doed::client {

struct ShowOptions {
    std::string device;  ///< as the user wrote it
};

[[nodiscard]] Outcome<CommandOutput> run(const ShowOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
