// SPDX-License-Identifier: Apache-2.0
//
// doectl cdat build: a table's bytes from its JSON document, for an emulated device. Needs no doed.
#pragma once

#include "client/commands/command.hpp"

#include <string>

namespace doed::client {

struct CdatBuildOptions {
    std::string file;       ///< the document; "-" is standard input
    std::string out = "-";  ///< where the bytes go; "-" is standard output
};

/// A document with a mistake is FailureKind::general, with the place of the first one. A table with problems is built all the
/// same, and they are told as warnings.
[[nodiscard]] Outcome<CommandOutput> run(const CdatBuildOptions& options,
                                         const OutputOptions& output);

}  // namespace doed::client
