// SPDX-License-Identifier: Apache-2.0
#include "client/command_line.hpp"

// GCC 12 sees a null pointer in what it inlines out of the library; it is none of ours to change.
#pragma GCC diagnostic ignored "-Wnull-dereference"
#include <CLI/CLI.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace doed::client {

namespace {

constexpr double longest_timeout_s = 24 * 60 * 60;
constexpr char see_help[] = "see: doectl --help";

constexpr char footer[] = R"(
DEVICE is a PCI address, such as 0d:00.0 or 0000:0d:00.0; OFFSET is the hexadecimal offset of the mailbox's
capability in config space, needed only when the device has several mailboxes that could be meant.

Exit codes:
  0  done
  1  failed otherwise
  2  wrong command line
  3  no such device or mailbox
  4  access denied
  5  refused by doed: not offered, not allowed, owned by the kernel, lent out, or kernel lockdown
  6  no answer in time
  7  no doed, or no bus
release ends with the exit code of its command, 126 or 127 when that cannot be run.

Full description: man doectl)";

constexpr char subcommand_footer[] = "\nOptions of all commands: doectl --help";

constexpr char release_footer[] = R"(
The command gets DOED_MAILBOX, such as 0000:0d:00.0/190, and inherits the lease as descriptor DOED_LEASE_FD. The
mailbox is doed's again when none of the command's processes has that open. Signals are passed on to the command.

Options of all commands: doectl --help)";

/// What CLI11 fills in, texts as the user wrote them.
struct Words {
    std::string device;
    std::string raw_file;
    std::string json;
    std::vector<std::string> command;
    double timeout_s = 0;
    bool hex = false;
    bool refresh = false;
    bool no_legend = false;
};

CLI::App* add_device_command(CLI::App& app, const char* name, const char* description,
                             Words& words) {
    CLI::App* command = app.add_subcommand(name, description);
    command->add_option("DEVICE", words.device, "DEVICE[/OFFSET]")->required()->type_name(" ");
    return command;
}

void describe(CLI::App& app, CommandLine& line, Words& words) {
    app.require_subcommand(1);
    app.fallthrough();
    app.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app.footer(footer);
    app.set_version_flag("--version", "doectl " DOED_VERSION)
        ->description("Print the version and exit");
    app.set_help_flag("-h,--help", "Print this and exit");
    app.add_option("--bus", line.bus, "Where doed is: system, session or a D-Bus address")
        ->type_name("BUS")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->capture_default_str();
    words.timeout_s = std::chrono::duration<double>(line.timeout).count();
    app.add_option("--timeout", words.timeout_s, "How long to wait for each answer")
        ->type_name("SECONDS")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->capture_default_str();
    app.add_flag("--json", words.json,
                 "Print JSON: indented on a terminal, else on one line; --json=pretty and "
                 "--json=short say which")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_flag("--no-legend", words.no_legend, "Leave column titles and sums out");

    app.add_subcommand("list", "List every device with its DOE mailboxes");
    add_device_command(app, "show", "Show everything about a device or a mailbox", words);
    add_device_command(app, "discover", "Ask a mailbox for the protocols it offers", words);
    CLI::App* cdat = add_device_command(
        app, "cdat", "Read a mailbox's Coherent Device Attribute Table (CDAT)", words);
    CLI::Option* raw = cdat->add_option("--raw", words.raw_file,
                                        "Write the table's bytes to FILE; - is standard output")
                           ->type_name("FILE");
    cdat->add_flag("--hex", words.hex, "Print the table as a hexadecimal dump")->excludes(raw);
    cdat->add_flag("--refresh", words.refresh, "Read the device now, not doed's copy");
    add_device_command(app, "trace", "Show what a mailbox did last (flight recorder)", words);
    CLI::App* release = add_device_command(
        app, "release", "Run a command while doed leaves a mailbox alone", words);
    release->add_option("COMMAND", words.command, "COMMAND with its arguments, after --")
        ->required()
        ->type_name(" ");
    for (CLI::App* command : app.get_subcommands({})) {
        command->group("Commands")->footer(subcommand_footer);
    }
    release->footer(release_footer);
}

/// CLI11 asks for a command where the first word is none.
std::string explain(const CLI::App& app, const CLI::ParseError& error) {
    if (!app.get_subcommands().empty()) {
        return error.what();
    }
    const auto words = app.remaining();
    return words.empty() ? "no command given" : "'" + words.front() + "' is no command";
}

/// The style that --json=word asks for; CLI11 says "true" for a bare --json.
std::optional<JsonStyle> json_style(const std::string& word, bool on_terminal) {
    if (word == "pretty") {
        return JsonStyle::pretty;
    }
    if (word == "short") {
        return JsonStyle::compact;
    }
    if (word == "true") {
        return on_terminal ? JsonStyle::pretty : JsonStyle::compact;
    }
    return std::nullopt;
}

Command command_of(const CLI::App& app, const Words& words) {
    if (app.got_subcommand("show")) {
        return ShowOptions{words.device};
    }
    if (app.got_subcommand("discover")) {
        return DiscoverOptions{words.device};
    }
    if (app.got_subcommand("cdat")) {
        const bool raw = app.get_subcommand("cdat")->count("--raw") != 0;
        return CdatOptions{words.device, raw ? std::optional(words.raw_file) : std::nullopt,
                           words.hex, words.refresh};
    }
    if (app.got_subcommand("trace")) {
        return TraceOptions{words.device};
    }
    if (app.got_subcommand("release")) {
        return ReleaseOptions{words.device, words.command};
    }
    return ListOptions{};
}

Outcome<CommandLine> finish(CommandLine line, const CLI::App& app, const Words& words,
                            bool on_terminal) {
    if (!std::isfinite(words.timeout_s) || words.timeout_s < 1e-6 ||
        words.timeout_s > longest_timeout_s) {
        return failed(
            FailureKind::usage,
            fmt::format("--timeout takes seconds, above 0 and up to {}", longest_timeout_s),
            see_help);
    }
    line.timeout = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::duration<double>(words.timeout_s));
    line.command = command_of(app, words);
    line.output.legend = !words.no_legend;
    if (app.count("--json") != 0) {
        line.output.json = json_style(words.json, on_terminal);
        if (!line.output.json) {
            return failed(FailureKind::usage,
                          "--json=" + words.json + ": only short and pretty are known", see_help);
        }
        const auto* cdat = std::get_if<CdatOptions>(&line.command);
        if (cdat != nullptr && (cdat->raw_file || cdat->hex)) {
            return failed(FailureKind::usage, "--json excludes --raw and --hex", see_help);
        }
    }
    return line;
}

}  // namespace

Outcome<CommandLine> parse_command_line(int argc, const char* const* argv, bool on_terminal) {
    CommandLine line;
    Words words;
    try {
        CLI::App app("Asks doed about PCIe/CXL DOE mailboxes and what they hand out.", "doectl");
        describe(app, line, words);
        try {
            app.parse(argc, argv);
        } catch (const CLI::CallForHelp&) {
            line.answer = app.help();
            return line;
        } catch (const CLI::CallForVersion& version) {
            line.answer = std::string(version.what()) + "\n";
            return line;
        } catch (const CLI::ParseError& error) {
            return failed(FailureKind::usage, explain(app, error), see_help);
        }
        return finish(std::move(line), app, words, on_terminal);
    } catch (const CLI::Error& error) {
        return failed(FailureKind::usage, error.what(), see_help);
    }
}

}  // namespace doed::client
