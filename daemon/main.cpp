// SPDX-License-Identifier: Apache-2.0
//
// doed: options, configuration, and then the daemon's life, which daemon.hpp tells of. Whatever
// keeps it from starting is one line on standard error and one of the exit codes that --help lists.
#include "daemon/config.hpp"
#include "daemon/daemon.hpp"
#include "daemon/host_access.hpp"
#include "daemon/log.hpp"
#include "daemon/options.hpp"
#include "emulator/emulated_host.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

namespace {

using namespace doed;
using daemon::ExitCode;

int fail(const daemon::Log& log, const daemon::StartupFailure& failure) {
    log.error("doed: " + failure.message);
    return static_cast<int>(failure.code);
}

/// --check-config: the configuration has been read; the topology is left.
daemon::Startup<void> check_topology(const daemon::Options& options) {
    if (options.topology_file) {
        if (const auto host = emulator::EmulatedHost::load(*options.topology_file); !host) {
            return daemon::file_failure(host.error());
        }
    }
    return {};
}

int run(int argc, char** argv) {
    daemon::Log log(daemon::LogLevel::info);

    const auto options = daemon::parse_options(argc, argv);
    if (!options) {
        return fail(log, options.error());
    }
    if (!options->text.empty()) {
        std::fputs(options->text.c_str(), stdout);
        return static_cast<int>(ExitCode::ok);
    }
    auto config = daemon::load_config(options->config_file);
    if (!config) {
        return fail(log, config.error());
    }
    config->log_level = options->log_level.value_or(config->log_level);
    log = daemon::Log(config->log_level);
    if (options->check_config) {
        const auto good = check_topology(*options);
        return good ? static_cast<int>(ExitCode::ok) : fail(log, good.error());
    }

    // Whoever reads the log may go away; that must not end an owner of mailboxes in mid-exchange.
    std::signal(SIGPIPE, SIG_IGN);
    // Before there are threads: what they may do is decided here for all of them.
    auto access = daemon::gain_access(*options);
    if (!access) {
        return fail(log, access.error());
    }
    daemon::Daemon service(*options, *config, log, std::move(*access));
    if (const auto started = service.start(); !started) {
        return fail(log, started.error());
    }
    if (const auto ended = service.run(); !ended) {
        return fail(log, ended.error());
    }
    return static_cast<int>(ExitCode::ok);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "doed: unexpected: %s\n", error.what());
        return static_cast<int>(ExitCode::failure);
    }
}
