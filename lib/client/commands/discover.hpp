// SPDX-License-Identifier: Apache-2.0
//
// doectl discover: asks a mailbox for its protocols, on the device.
#pragma once

#include "client/commands/command.hpp"

#include <string>

namespace doed::client {

struct DiscoverOptions {
    std::string device;  ///< as the user wrote it
};

[[nodiscard]] Outcome<CommandOutput> run(const DiscoverOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
