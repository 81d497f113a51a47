// SPDX-License-Identifier: Apache-2.0
//
// doectl trace: what a mailbox did last, from doed's flight recorder. Nothing is asked of the device.
#pragma once

#include "client/commands/command.hpp"

#include <string>

namespace doed::client {

struct TraceOptions {
    std::string device;  ///< as the user wrote it
};

/// JSON is the document as doed made it, without doectl's own schema.
[[nodiscard]] Outcome<CommandOutput> run(const TraceOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
