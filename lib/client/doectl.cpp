// SPDX-License-Identifier: Apache-2.0
//
// doectl: asks doed over D-Bus. Parse, connect if need be, run one command, write what it made; the first failure ends it
// with one line on standard error and the exit code of its kind.
#include "client/bus_client.hpp"
#include "client/bus_connection.hpp"
#include "client/command_line.hpp"
#include "client/output_file.hpp"
#include "client/text.hpp"

#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace {

using namespace doed::client;

/// Some commands need no doed, and no bus.
Outcome<CommandOutput> carry_out(const CommandLine& line) {
    const auto carry_out_one = [&](const auto& command) -> Outcome<CommandOutput> {
        if constexpr (requires { run(command, line.output); }) {
            return run(command, line.output);
        } else {
            auto bus = open_bus(line.bus, line.timeout);
            if (!bus) {
                return std::unexpected(std::move(bus).error());
            }
            BusClient client(std::move(*bus), line.bus, line.timeout);
            return run(command, client, line.output);
        }
    };
    return std::visit(carry_out_one, line.command);
}

/// The exit status, unless writing failed.
Outcome<int> written(const Outcome<void>& outcome, int exit_status) {
    return outcome ? Outcome<int>(exit_status) : std::unexpected(outcome.error());
}

Outcome<int> run_doectl(int argc, const char* const* argv) {
    const auto line = parse_command_line(argc, argv, ::isatty(STDOUT_FILENO) != 0);
    if (!line) {
        return std::unexpected(line.error());
    }
    if (!line->answer.empty()) {
        return written(write_output(std::nullopt, line->answer), 0);
    }
    const auto output = carry_out(*line);
    if (!output) {
        return std::unexpected(output.error());
    }
    for (const auto& warning : output->warnings) {
        fmt::print(stderr, "doectl: warning: {}\n", printable(warning));
    }
    return written(write_output(output->file, output->text), output->exit_status);
}

}  // namespace

int main(int argc, char** argv) {
    const auto done = run_doectl(argc, argv);
    if (!done) {
        fmt::print(stderr, "doectl: {}\n", done.error().line());
        return exit_code(done.error().kind());
    }
    return *done;
}
