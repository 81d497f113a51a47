// SPDX-License-Identifier: Apache-2.0
//
// doectl cdat: a mailbox's Coherent Device Attribute Table: taken apart, as bytes, or as a dump. A table with problems is
// given all the same, and the problems are told.
#pragma once

#include "client/commands/command.hpp"

#include <optional>
#include <string>

namespace doed::client {

struct CdatOptions {
    std::string device;                   ///< as the user wrote it
    std::optional<std::string> raw_file;  ///< the bytes go there; "-" is standard output
    bool hex = false;                     ///< as a dump
    bool refresh = false;                 ///< read from the device now
};

[[nodiscard]] Outcome<CommandOutput> run(const CdatOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
