// SPDX-License-Identifier: Apache-2.0
//
// doectl: asks doed, through libdoed. Parse, connect if need be, run one command, write what it made; the first failure ends
// it with one line on standard error and the exit code of its kind.
#include "client/attended_service.hpp"
#include "client/command_line.hpp"
#include "client/end_signals.hpp"
#include "client/libdoed_service.hpp"
#include "client/output_file.hpp"
#include "client/output_lines.hpp"
#include "client/standard_files.hpp"
#include "client/text.hpp"

#include <span>
#include <utility>

#include <unistd.h>

namespace {

using namespace doed::client;

bool is_terminal(int fd) {
    return ::isatty(fd) != 0;
}

/// Completion asks for names with every Tab: no doed is started for that, and nobody waits.
bool is_for_completion(const Command& command) {
    const auto* list = std::get_if<ListOptions>(&command);
    return list != nullptr && list->names;
}

/// polkit asks on this terminal, which is none of the other host's.
AttendedService::Attendance attendance_of(const CommandLine& line) {
    AttendedService::Attendance attendance;
    if (is_terminal(STDERR_FILENO) && !is_for_completion(line.command)) {
        attendance.progress_terminal = STDERR_FILENO;
        attendance.may_ask =
            line.ask_password && is_terminal(STDIN_FILENO) && !line.bus.is_remote();
    }
    return attendance;
}

/// Some commands need no doed, and no bus.
Outcome<CommandOutput> carry_out(const CommandLine& line) {
    const auto carry_out_one = [&](const auto& command) -> Outcome<CommandOutput> {
        if constexpr (requires { run(command, line.output); }) {
            return run(command, line.output);
        } else {
            LibdoedService libdoed(line.bus, line.timeout, !is_for_completion(line.command));
            if (auto connected = libdoed.connect(); !connected) {
                return std::unexpected(std::move(connected).error());
            }
            AttendedService service(libdoed, attendance_of(line));
            if constexpr (requires { run(command, service, line.output); }) {
                return run(command, service, line.output);
            } else {
                const EndSignals signals;
                const pollfd end = signals.arrived();
                OutputLines lines(STDOUT_FILENO, std::span(&end, 1));
                return run(command, service, lines, std::span(&end, 1), line.output);
            }
        }
    };
    return std::visit(carry_out_one, line.command);
}

/// The exit status, unless writing failed.
Outcome<int> written(const Outcome<void>& outcome, int exit_status) {
    return outcome ? Outcome<int>(exit_status) : std::unexpected(outcome.error());
}

Outcome<int> run_doectl(int argc, const char* const* argv) {
    auto line = parse_command_line(argc, argv, is_terminal(STDOUT_FILENO));
    if (!line) {
        return std::unexpected(line.error());
    }
    if (!line->answer.empty()) {
        return written(write_output(std::nullopt, line->answer), 0);
    }
    line->output.palette = Palette(Palette::wanted(is_terminal(STDOUT_FILENO)));
    const auto output = carry_out(*line);
    if (!output) {
        return std::unexpected(output.error());
    }
    for (const auto& warning : output->warnings) {
        tell("warning: " + printable(warning));
    }
    return written(write_output(output->file, output->text), output->exit_status);
}

}  // namespace

int main(int argc, char** argv) {
    occupy_standard_files();
    const auto done = run_doectl(argc, argv);
    if (!done) {
        tell(done.error().line());
        return exit_code(done.error().kind());
    }
    return *done;
}
