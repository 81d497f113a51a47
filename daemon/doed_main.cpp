// SPDX-License-Identifier: Apache-2.0
#include "daemon/doed_main.hpp"

#include "daemon/config.hpp"
#include "daemon/log.hpp"
#include "daemon/options.hpp"
#include "emulator/emulated_host.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace doed::daemon {

namespace {

int fail(const Log& log, const StartupFailure& failure) {
    log.error("doed: " + failure.message);
    return static_cast<int>(failure.code);
}

Startup<Config> load_config(const Options& options) {
    std::error_code error;
    Config config;
    if (options.config_file || std::filesystem::exists(default_config_file, error)) {
        auto read = Config::load(options.config_file.value_or(default_config_file));
        if (!read) {
            return file_failure(read.error());
        }
        config = std::move(*read);
    }
    config.log_level = options.log_level.value_or(config.log_level);
    return config;
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
    const auto config = load_config(*options);
    if (!config) {
        return fail(log, config.error());
    }
    log = Log(config->log_level);
    if (options->check_config) {
        const auto good = check_topology(*options);
        return good ? static_cast<int>(ExitCode::ok) : fail(log, good.error());
    }

    // Whoever reads the log may go away; that must not end an owner of mailboxes in mid-exchange.
    std::signal(SIGPIPE, SIG_IGN);
    Daemon service(*options, *config, log);
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
