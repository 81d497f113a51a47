// SPDX-License-Identifier: Apache-2.0
//
// The command line.
#pragma once

#include "daemon/exit_code.hpp"
#include "daemon/log.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace doed::daemon {

inline constexpr char default_sysfs_root[] = "/sys";
inline constexpr char default_user[] = "doed";

struct Options {
    std::string bus = "system";  ///< "system", "session" or an address
    std::optional<std::filesystem::path>
        config_file;  ///< as given; none: the default one if it exists
    std::optional<std::filesystem::path>
        topology_file;  ///< of the emulator; none: the host itself, through sysfs
    std::filesystem::path sysfs_root = default_sysfs_root;
    std::optional<std::filesystem::path>
        opener_socket;                  ///< of a doed-opener that is there; none: one of its own
    std::string user = default_user;    ///< whom a doed becomes that root has started on this host
    std::optional<LogLevel> log_level;  ///< goes before the configuration's
    bool check_config = false;          ///< read configuration and topology, say so, end
    std::string text;  ///< --help or --version: to be printed, and nothing else done
};

/// Failure: usage.
[[nodiscard]] Startup<Options> parse_options(int argc, const char* const* argv);

}  // namespace doed::daemon
