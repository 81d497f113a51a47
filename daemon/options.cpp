// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.hpp"

#include "daemon/config.hpp"

#include <CLI/CLI.hpp>

#include <string_view>

namespace doed::daemon {

namespace {

constexpr char footer[] =
    "Exit codes:\n"
    "  0  stopped as asked\n"
    "  1  failure\n"
    "  2  wrong option, configuration or topology file\n"
    "  3  the bus cannot be reached, or its name org.doed1 is taken\n"
    "  4  not permitted: root is needed, or the bus policy forbids the name\n"
    "  5  another doed drives this host's mailboxes\n";

constexpr std::string_view emulator_prefix = "emulator:";

}  // namespace

Startup<Options> parse_options(int argc, const char* const* argv) {
    Options options;
    std::string backend = "sysfs";
    std::string config_file;
    std::string log_level;
    std::string opener_socket;
    bool version = false;

    CLI::App app{
        "Owns the PCIe/CXL DOE mailboxes of this host and serves what they hand out over D-Bus.",
        "doed"};
    app.footer(footer);
    app.add_option("--bus", options.bus, "bus to serve on: system, session, or a D-Bus address")
        ->type_name("BUS")
        ->capture_default_str();
    auto* const config_option = app.add_option("--config", config_file,
                                               std::string("configuration file (") +
                                                   default_config_file + " when that exists)")
                                    ->type_name("FILE");
    app.add_option("--backend", backend,
                   "sysfs for this host, or emulator:FILE with a topology file")
        ->type_name("BACKEND")
        ->capture_default_str();
    app.add_option("--sysfs-root", options.sysfs_root, "where sysfs is mounted")
        ->type_name("DIR")
        ->capture_default_str();
    app.add_option(
           "--opener", opener_socket,
           "socket of the doed-opener to use (without it, doed starts one, which takes root)")
        ->type_name("SOCKET");
    app.add_option("--user", options.user,
                   "whom to become when started by root on this host's devices")
        ->type_name("NAME")
        ->capture_default_str();
    app.add_option("--log-level", log_level,
                   "error, warning, info or debug (goes before the configuration's)")
        ->type_name("LEVEL");
    app.add_flag("--check-config", options.check_config,
                 "only read configuration and topology; silent when they are good");
    app.add_flag("--version", version, "print the version");

    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        options.text = app.help();
        return options;
    } catch (const CLI::ParseError& error) {
        return startup_failure(ExitCode::usage, std::string(error.what()) + "; see doed --help");
    }
    if (version) {
        options.text = "doed " DOED_VERSION "\n";
        return options;
    }
    if (config_option->count() > 0) {
        options.config_file = config_file;
    }
    if (backend.starts_with(emulator_prefix) && backend.size() > emulator_prefix.size()) {
        options.topology_file = backend.substr(emulator_prefix.size());
    } else if (backend != "sysfs") {
        return startup_failure(
            ExitCode::usage,
            "--backend: expected sysfs or emulator:FILE, found '" + backend + "'; see doed --help");
    }
    if (!opener_socket.empty()) {
        options.opener_socket = opener_socket;
    }
    if (!log_level.empty()) {
        options.log_level = parse_log_level(log_level);
        if (!options.log_level) {
            return startup_failure(ExitCode::usage,
                                   "--log-level: expected error, warning, info or debug, found '" +
                                       log_level + "'; see doed --help");
        }
    }
    return options;
}

}  // namespace doed::daemon
