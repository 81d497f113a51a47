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
  1  failed otherwise, or cdat --check found something wrong
  2  wrong command line
  3  no such device, mailbox, file or folder
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

constexpr char cdat_footer[] = R"(
Without --raw, --hex, --summary or --check: a report of every field. --file and build need neither doed nor root.

Options of all commands: doectl --help)";

/// What CLI11 fills in, texts as the user wrote them.
struct Words {
    std::string bus = "system";
    std::string host;
    std::string device;
    std::string raw_file;
    std::string table_file;
    std::string document;
    std::string out = "-";
    std::string json;
    std::vector<std::string> command;
    double timeout_s = 0;
    bool hex = false;
    bool summary = false;
    bool check = false;
    bool all = false;
    bool refresh = false;
    bool no_legend = false;
    bool no_ask_password = false;
    bool names = false;
    bool textfile = false;
};

CLI::App* add_device_command(CLI::App& app, const char* name, const char* description,
                             Words& words) {
    CLI::App* command = app.add_subcommand(name, description);
    command->add_option("DEVICE", words.device, "DEVICE[/OFFSET]")->required()->type_name(" ");
    return command;
}

/// What is printed, and of which table. Only one of each makes sense: finish() sees to the latter.
void add_cdat_command(CLI::App& app, Words& words) {
    CLI::App* cdat = app.add_subcommand(
        "cdat", "Read a mailbox's Coherent Device Attribute Table (CDAT), or make one");
    cdat->footer(cdat_footer);
    cdat->add_option("DEVICE", words.device, "DEVICE[/OFFSET]")->type_name(" ");
    cdat->add_option("--file", words.table_file,
                     "Take the table in FILE apart; - is standard input")
        ->type_name("FILE");
    cdat->add_flag("--all", words.all, "Read the tables of all mailboxes");
    CLI::Option* summary =
        cdat->add_flag("--summary", words.summary, "Print how far and how fast the memory is");
    CLI::Option* check = cdat->add_flag(
        "--check", words.check,
        "Print what is wrong with the table; exit code 1 if it is more than a notice");
    CLI::Option* hex =
        cdat->add_flag("--hex", words.hex, "Print every byte with the field it belongs to");
    CLI::Option* raw = cdat->add_option("--raw", words.raw_file,
                                        "Write the table's bytes to FILE or standard output")
                           ->type_name("[FILE]")
                           ->expected(0, 1)
                           ->default_str("-");
    raw->excludes(hex)->excludes(summary)->excludes(check);
    hex->excludes(summary)->excludes(check);
    summary->excludes(check);
    cdat->add_flag("--refresh", words.refresh, "Read the device now, not doed's copy");

    CLI::App* build =
        cdat->add_subcommand("build", "Make a table from a JSON document, without doed");
    build->group("Commands")->footer(subcommand_footer);
    build->add_option("FILE", words.document, "The document; - is standard input")
        ->required()
        ->type_name(" ");
    build->add_option("-o,--output", words.out, "Write the table to FILE, not to standard output")
        ->type_name("FILE");
}

void add_stats_command(CLI::App& app, Words& words) {
    CLI::App* stats = app.add_subcommand("stats", "Show what doed has counted, of each mailbox");
    stats->add_option("DEVICE", words.device, "DEVICE[/OFFSET]; without one, all")->type_name(" ");
    stats->add_flag("--textfile", words.textfile,
                    "Print Prometheus' text format, for node_exporter's textfile collector");
}

void describe(CLI::App& app, CommandLine& line, Words& words) {
    app.require_subcommand(1);
    app.fallthrough();
    app.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app.set_version_flag("--version", "doectl " DOED_VERSION)
        ->description("Print the version and exit");
    app.set_help_flag("-h,--help", "Print this and exit");
    app.add_option("--bus", words.bus, "Where doed is: system, session or a D-Bus address")
        ->type_name("BUS")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->capture_default_str();
    app.add_option("-H,--host", words.host, "Ask the doed of another host, over ssh")
        ->type_name("[USER@]HOST")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    words.timeout_s = std::chrono::duration<double>(line.timeout).count();
    app.add_option("--timeout", words.timeout_s, "How long to wait for each answer")
        ->type_name("SECONDS")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->capture_default_str();
    app.add_flag("--json", words.json,
                 "Print JSON: indented on a terminal, else on one line; --json=pretty, "
                 "--json=short and --json=off say which")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_flag("--no-legend", words.no_legend, "Leave out titles, sums and explanations");

    app.add_flag("--no-ask-password", words.no_ask_password,
                 "Do not have polkit ask for a password");

    CLI::App* list = app.add_subcommand("list", "List every device with its DOE mailboxes");
    list->add_flag("--names", words.names)->group("");
    add_device_command(app, "show", "Show everything about a device or a mailbox", words);
    add_device_command(app, "discover", "Ask a mailbox for the protocols it offers", words);
    add_cdat_command(app, words);
    add_stats_command(app, words);
    app.add_subcommand("monitor", "Show mailboxes, and what happens to them from now on")
        ->add_option("DEVICE", words.device, "DEVICE[/OFFSET]; without one, all")
        ->type_name(" ");
    add_device_command(app, "trace", "Show what a mailbox did last (flight recorder)", words);
    add_device_command(app, "reset", "Abort what a mailbox is doing, and claim it anew", words);
    CLI::App* release = add_device_command(
        app, "release", "Run a command while doed leaves a mailbox alone", words);
    release->add_option("COMMAND", words.command, "COMMAND with its arguments, after --")
        ->required()
        ->type_name(" ");
    app.footer(footer);
    for (CLI::App* command : app.get_subcommands({})) {
        command->group("Commands");
        if (command->get_footer().empty()) {
            command->footer(subcommand_footer);
        }
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

/// The style that --json=word asks for, none for "off"; CLI11 says "true" for a bare --json.
Outcome<std::optional<JsonStyle>> json_style(const std::string& word, bool on_terminal) {
    if (word == "pretty" || (word == "true" && on_terminal)) {
        return JsonStyle::pretty;
    }
    if (word == "short" || word == "true") {
        return JsonStyle::compact;
    }
    if (word == "off") {
        return std::nullopt;
    }
    return failed(FailureKind::usage, "--json=" + word + ": only short, pretty and off are known",
                  see_help);
}

Command cdat_command_of(const CLI::App& cdat, const Words& words) {
    if (cdat.got_subcommand("build")) {
        return CdatBuildOptions{words.document, words.out};
    }
    const CdatView view{
        .raw_file = cdat.count("--raw") != 0 ? std::optional(words.raw_file) : std::nullopt,
        .hex = words.hex,
        .summary = words.summary,
        .check = words.check};
    if (words.all) {
        return CdatAllOptions{view, words.refresh};
    }
    if (cdat.count("--file") != 0) {
        return CdatFileOptions{words.table_file, view};
    }
    return CdatOptions{words.device, view, words.refresh};
}

/// What is wrong with the words of cdat, or nothing.
std::string cdat_mistake(const CLI::App& cdat, const Words& words, bool json) {
    const bool file = cdat.count("--file") != 0;
    const bool raw = cdat.count("--raw") != 0;
    const auto tables = (words.device.empty() ? 0 : 1) + (file ? 1 : 0) + (words.all ? 1 : 0);
    if (cdat.got_subcommand("build")) {
        const bool others = tables != 0 || raw || words.hex || words.summary || words.check ||
                            words.refresh || json;
        return others ? "build takes FILE and --output only" : "";
    }
    if (tables == 0) {
        return raw && words.raw_file != "-"
                   ? "DEVICE is required; '" + words.raw_file + "' is the FILE of --raw"
                   : "DEVICE is required, or --file or --all";
    }
    if (tables > 1) {
        return "only one of DEVICE, --file and --all can be read";
    }
    if (file && words.refresh) {
        return "--refresh excludes --file";
    }
    if (words.all && raw) {
        return "--all excludes --raw";
    }
    return json && (raw || words.hex) ? "--json excludes --raw and --hex" : "";
}

/// What is wrong with words that are right each by itself, or nothing.
std::string mistake_of(const CLI::App& app, const Words& words, bool json) {
    if (app.count("--host") != 0 && app.count("--bus") != 0) {
        return "--bus excludes --host";
    }
    if (app.got_subcommand("cdat")) {
        return cdat_mistake(*app.get_subcommand("cdat"), words, json);
    }
    if (json && words.textfile) {
        return "--json excludes --textfile";
    }
    if (json && (app.got_subcommand("reset") || app.got_subcommand("release"))) {
        return app.get_subcommands().front()->get_name() + " prints nothing, and no JSON either";
    }
    if (app.count("--host") != 0 && app.got_subcommand("release")) {
        return "release takes no --host: a lease is a file descriptor, which does not pass over "
               "ssh; run it on that host: ssh " +
               words.host + " doectl release " + words.device + " -- COMMAND";
    }
    if (app.count("--host") != 0 && app.got_subcommand("monitor")) {
        return "monitor takes no --host: events come through a file descriptor, which does not "
               "pass over ssh; run it on that host: ssh " +
               words.host + " doectl monitor";
    }
    return "";
}

Command command_of(const CLI::App& app, const Words& words) {
    if (app.got_subcommand("show")) {
        return ShowOptions{words.device};
    }
    if (app.got_subcommand("discover")) {
        return DiscoverOptions{words.device};
    }
    if (app.got_subcommand("cdat")) {
        return cdat_command_of(*app.get_subcommand("cdat"), words);
    }
    if (app.got_subcommand("trace")) {
        return TraceOptions{words.device};
    }
    if (app.got_subcommand("release")) {
        return ReleaseOptions{words.device, words.command};
    }
    if (app.got_subcommand("stats")) {
        return StatsOptions{words.device, words.textfile};
    }
    if (app.got_subcommand("monitor")) {
        return MonitorOptions{words.device};
    }
    if (app.got_subcommand("reset")) {
        return ResetOptions{words.device};
    }
    return ListOptions{words.names};
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
        const auto style = json_style(words.json, on_terminal);
        if (!style) {
            return std::unexpected(style.error());
        }
        line.output.json = *style;
    }
    line.ask_password = !words.no_ask_password;
    line.bus = BusPlace(words.bus);
    if (app.count("--host") != 0) {
        auto place = BusPlace::on_host(words.host);
        if (!place) {
            return std::unexpected(std::move(place).error());
        }
        line.bus = std::move(*place);
    }
    const auto mistake = mistake_of(app, words, line.output.json.has_value());
    if (!mistake.empty()) {
        return failed(FailureKind::usage, mistake, see_help);
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
