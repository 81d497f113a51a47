// SPDX-License-Identifier: Apache-2.0
//
// doectl cdat: Coherent Device Attribute Tables, of one mailbox, of all mailboxes, or from a file. A table with problems is
// shown all the same, and the problems are told.
#pragma once

#include "client/cdat_view.hpp"
#include "client/commands/command.hpp"

#include <string>

namespace doed::client {

struct CdatOptions {
    std::string device;  ///< as the user wrote it
    CdatView view;
    bool refresh = false;  ///< read from the device now
};

struct CdatAllOptions {
    CdatView view;
    bool refresh = false;
};

/// Needs no doed.
struct CdatFileOptions {
    std::string file;  ///< "-" is standard input
    CdatView view;
};

[[nodiscard]] Outcome<CommandOutput> run(const CdatOptions& options, Service& service,
                                         const OutputOptions& output);
/// Mailboxes whose table cannot be read are told as warnings, the first one's failure decides the exit status; it is a failure
/// as a whole when there is none that can.
[[nodiscard]] Outcome<CommandOutput> run(const CdatAllOptions& options, Service& service,
                                         const OutputOptions& output);
[[nodiscard]] Outcome<CommandOutput> run(const CdatFileOptions& options,
                                         const OutputOptions& output);

}  // namespace doed::client
