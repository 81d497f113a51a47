// SPDX-License-Identifier: Apache-2.0
#include "daemon/doed_main.hpp"

#include "daemon/config.hpp"
#include "daemon/host_access.hpp"
#include "daemon/log.hpp"
#include "daemon/options.hpp"
#include "emulator/emulated_host.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

namespace doed::daemon {

namespace {

int fail(const Log& log, const StartupFailure& failure) {
    log.error("doed: " + failure.message);
    return static_cast<int>(failure.code);
}

/// --check-config: the configuration has been read; the topology is left.
Startup<void> check_topology(const Options& options) {
    if (options.topology_file) {
        if (const auto host = emulator::EmulatedHost::load(*options.topology_file); !host) {
            return file_failure(host.error());
        }
    }
    return {};
}

int run(int argc, char** argv, const std::function<void(Daemon&)>& started) {
    Log log(LogLevel::info);

    const auto options = parse_options(argc, argv);
    if (!options) {
        return fail(log, options.error());
    }
    if (!options->text.empty()) {
        std::fputs(options->text.c_str(), stdout);
        return static_cast<int>(ExitCode::ok);
    }
    auto config = load_config(options->config_file);
    if (!config) {
        return fail(log, config.error());
    }
    config->log_level = options->log_level.value_or(config->log_level);
    log = Log(config->log_level);
    if (options->check_config) {
        const auto good = check_topology(*options);
        return good ? static_cast<int>(ExitCode::ok) : fail(log, good.error());
    }

    // Whoever reads the log may go away; that must not end an owner of mailboxes in mid-exchange.
    std::signal(SIGPIPE, SIG_IGN);
    // Before there are threads: what they may do is decided here for all of them.
    auto access = gain_access(*options);
    if (!access) {
        return fail(log, access.error());
    }
    Daemon service(*options, *config, log, std::move(*access));
    if (const auto begun = service.start(); !begun) {
        return fail(log, begun.error());
    }
    if (started) {
        started(service);
    }
    if (const auto ended = service.run(); !ended) {
        return fail(log, ended.error());
    }
    return static_cast<int>(ExitCode::ok);
}

}  // namespace

int doed_main(int argc, char** argv, const std::function<void(Daemon&)>& started) noexcept {
    try {
        return run(argc, argv, started);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "doed: unexpected: %s\n", error.what());
        return static_cast<int>(ExitCode::failure);
    }
}

}  // namespace doed::daemon
