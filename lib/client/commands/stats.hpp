// SPDX-License-Identifier: Apache-2.0
//
// doectl stats: what doed has counted, for people, for programs and for node_exporter. Nothing is asked of a device.
#pragma once

#include "client/commands/command.hpp"

#include <string>

namespace doed::client {

struct StatsOptions {
    std::string device;     ///< as the user wrote it; empty: all of the host
    bool textfile = false;  ///< Prometheus' text format
};

[[nodiscard]] Outcome<CommandOutput> run(const StatsOptions& options, Service& service,
                                         const OutputOptions& output);

}  // namespace doed::client
