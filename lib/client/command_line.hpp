// SPDX-License-Identifier: Apache-2.0
//
// doectl's command line. doectl(1) describes it; both change together.
#pragma once

#include "client/bus_place.hpp"
#include "client/commands/cdat.hpp"
#include "client/commands/cdat_build.hpp"
#include "client/commands/discover.hpp"
#include "client/commands/list.hpp"
#include "client/commands/monitor.hpp"
#include "client/commands/release.hpp"
#include "client/commands/reset.hpp"
#include "client/commands/show.hpp"
#include "client/commands/stats.hpp"
#include "client/commands/trace.hpp"

#include <chrono>
#include <string>
#include <variant>

namespace doed::client {

using Command = std::variant<ListOptions, ShowOptions, DiscoverOptions, CdatOptions, CdatAllOptions,
                             CdatFileOptions, CdatBuildOptions, StatsOptions, MonitorOptions,
                             TraceOptions, ResetOptions, ReleaseOptions>;

struct CommandLine {
    std::string answer;  ///< what --help and --version print; the rest is of no use then
    BusPlace bus{"system"};
    std::chrono::microseconds timeout = std::chrono::seconds(30);
    bool ask_password = true;  ///< polkit may, where there is a terminal
    OutputOptions output;
    Command command;
};

/// `on_terminal`: standard output is one; decides how JSON looks unless the user does. Failure: usage.
[[nodiscard]] Outcome<CommandLine> parse_command_line(int argc, const char* const* argv,
                                                      bool on_terminal);

}  // namespace doed::client
