// SPDX-License-Identifier: Apache-2.0
#include "client/command_line.hpp"

#include <initializer_list>
#include <vector>

#include <gtest/gtest.h>

namespace doed::client {
namespace {

Outcome<CommandLine> parse(std::initializer_list<const char*> words, bool on_terminal = false) {
    std::vector<const char*> argv{"doectl"};
    argv.insert(argv.end(), words);
    return parse_command_line(static_cast<int>(argv.size()), argv.data(), on_terminal);
}

void expect_usage(std::initializer_list<const char*> words, const std::string& message) {
    const auto line = parse(words);
    ASSERT_FALSE(line) << message;
    EXPECT_EQ(line.error().kind(), FailureKind::usage);
    EXPECT_EQ(line.error().line(), message + "; see: doectl --help");
}

TEST(TheCommandLine, HasDefaults) {
    const auto line = parse({"list"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->bus.where(), "system");
    EXPECT_EQ(line->timeout, std::chrono::seconds(30));
    EXPECT_FALSE(line->output.json);
    EXPECT_TRUE(line->output.legend);
    EXPECT_TRUE(std::holds_alternative<ListOptions>(line->command));
}

TEST(TheCommandLine, TakesGlobalOptionsBeforeAndAfterTheCommand) {
    for (const auto& line :
         {parse({"--bus", "session", "--timeout", "0.25", "--no-legend", "show", "0d:00.0"}),
          parse({"show", "--timeout=0.25", "0d:00.0", "--no-legend", "--bus=session"})}) {
        ASSERT_TRUE(line);
        EXPECT_EQ(line->bus.where(), "session");
        EXPECT_EQ(line->timeout, std::chrono::milliseconds(250));
        EXPECT_FALSE(line->output.legend);
        EXPECT_EQ(std::get<ShowOptions>(line->command).device, "0d:00.0");
    }
}

TEST(TheCommandLine, ReadsTheOptionsOfCdat) {
    const auto bare = parse({"cdat", "0d:00.0/190"});
    ASSERT_TRUE(bare);
    const auto& options = std::get<CdatOptions>(bare->command);
    EXPECT_EQ(options.device, "0d:00.0/190");
    EXPECT_FALSE(options.view.raw_file);
    EXPECT_FALSE(options.view.hex || options.view.summary || options.view.check);
    EXPECT_FALSE(options.refresh);

    const auto raw = parse({"cdat", "--raw", "-", "0d:00.0", "--refresh"});
    ASSERT_TRUE(raw);
    EXPECT_EQ(std::get<CdatOptions>(raw->command).view.raw_file, "-");
    EXPECT_TRUE(std::get<CdatOptions>(raw->command).refresh);
    EXPECT_EQ(std::get<CdatOptions>(parse({"cdat", "0d:00.0", "--raw"})->command).view.raw_file,
              "-");
    EXPECT_EQ(
        std::get<CdatOptions>(parse({"cdat", "0d:00.0", "--raw", "true"})->command).view.raw_file,
        "true");

    EXPECT_TRUE(std::get<CdatOptions>(parse({"cdat", "0d:00.0", "--hex"})->command).view.hex);
    EXPECT_TRUE(
        std::get<CdatOptions>(parse({"cdat", "--summary", "0d:00.0"})->command).view.summary);
    const auto check = parse({"cdat", "0d:00.0", "--check", "--json"});
    ASSERT_TRUE(check);
    EXPECT_TRUE(std::get<CdatOptions>(check->command).view.check);
    EXPECT_TRUE(check->output.json);
}

TEST(TheCommandLine, ReadsWhereTheTableIs) {
    const auto file = parse({"cdat", "--file", "-", "--hex"});
    ASSERT_TRUE(file);
    EXPECT_EQ(std::get<CdatFileOptions>(file->command).file, "-");
    EXPECT_TRUE(std::get<CdatFileOptions>(file->command).view.hex);
    const auto all = parse({"cdat", "--all", "--summary", "--refresh"});
    ASSERT_TRUE(all);
    EXPECT_TRUE(std::get<CdatAllOptions>(all->command).view.summary);
    EXPECT_TRUE(std::get<CdatAllOptions>(all->command).refresh);
}

TEST(TheCommandLine, ReadsCdatBuild) {
    const auto plain = parse({"cdat", "build", "table.json"});
    ASSERT_TRUE(plain);
    EXPECT_EQ(std::get<CdatBuildOptions>(plain->command).file, "table.json");
    EXPECT_EQ(std::get<CdatBuildOptions>(plain->command).out, "-");
    const auto named = parse({"cdat", "build", "-", "-o", "table.bin"});
    ASSERT_TRUE(named);
    EXPECT_EQ(std::get<CdatBuildOptions>(named->command).file, "-");
    EXPECT_EQ(std::get<CdatBuildOptions>(named->command).out, "table.bin");
}

TEST(TheCommandLine, ReadsDiscover) {
    const auto line = parse({"discover", "0d:00.0"});
    ASSERT_TRUE(line);
    EXPECT_EQ(std::get<DiscoverOptions>(line->command).device, "0d:00.0");
}

TEST(TheCommandLine, ReadsTrace) {
    const auto line = parse({"trace", "0d:00.0/190"});
    ASSERT_TRUE(line);
    EXPECT_EQ(std::get<TraceOptions>(line->command).device, "0d:00.0/190");
    EXPECT_FALSE(parse({"trace"}));
}

TEST(TheCommandLine, ReadsStatsAndReset) {
    const auto all = parse({"stats", "--textfile"});
    ASSERT_TRUE(all);
    EXPECT_EQ(std::get<StatsOptions>(all->command).device, "");
    EXPECT_TRUE(std::get<StatsOptions>(all->command).textfile);
    EXPECT_EQ(std::get<StatsOptions>(parse({"stats", "0d:00.0"})->command).device, "0d:00.0");
    EXPECT_EQ(std::get<ResetOptions>(parse({"reset", "0d:00.0/190"})->command).device,
              "0d:00.0/190");
    EXPECT_FALSE(parse({"reset"}));
}

TEST(TheCommandLine, ReadsMonitor) {
    EXPECT_EQ(std::get<MonitorOptions>(parse({"monitor"})->command).device, "");
    EXPECT_EQ(std::get<MonitorOptions>(parse({"monitor", "0d:00.0/190"})->command).device,
              "0d:00.0/190");
}

TEST(TheCommandLine, ReadsWhereAndHowDoedIsAsked) {
    const auto line = parse({"-H", "me@far", "list", "--no-ask-password"});
    ASSERT_TRUE(line);
    EXPECT_TRUE(line->bus.is_remote());
    EXPECT_EQ(line->bus.text(), "the system bus of me@far");
    EXPECT_FALSE(line->ask_password);
    EXPECT_TRUE(parse({"list"})->ask_password);
    EXPECT_TRUE(parse({"list", "--host=far"})->bus.is_remote());
}

TEST(JsonOutput, IsSwitchedOffByALaterWord) {
    EXPECT_FALSE(parse({"list", "--json=pretty", "--json=off"})->output.json);
}

TEST(JsonOutput, IsIndentedOnATerminalOnlyUnlessTheUserSays) {
    EXPECT_EQ(parse({"list", "--json"}, true)->output.json, JsonStyle::pretty);
    EXPECT_EQ(parse({"list", "--json"}, false)->output.json, JsonStyle::compact);
    EXPECT_EQ(parse({"list", "--json=short"}, true)->output.json, JsonStyle::compact);
    EXPECT_EQ(parse({"list", "--json=pretty"}, false)->output.json, JsonStyle::pretty);
}

TEST(JsonOutput, DoesNotTakeTheNextWord) {
    const auto line = parse({"cdat", "--json", "0d:00.0"});
    ASSERT_TRUE(line);
    EXPECT_EQ(std::get<CdatOptions>(line->command).device, "0d:00.0");
}

TEST(TheCommandLine, TakesTheLastOfARepeatedOption) {
    const auto line =
        parse({"list", "--bus", "system", "--bus", "session", "--json", "--json=pretty"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->bus.where(), "session");
    EXPECT_EQ(line->output.json, JsonStyle::pretty);
}

TEST(AWrongCommandLine, IsToldInOneLine) {
    expect_usage({}, "no command given");
    expect_usage({"bogus"}, "'bogus' is no command");
    expect_usage({"show"}, "DEVICE is required");
    expect_usage({"list", "--json=xml"}, "--json=xml: only short, pretty and off are known");
    expect_usage({"cdat", "0d:00.0", "--raw", "x", "--hex"}, "--hex excludes --raw");
    expect_usage({"cdat", "0d:00.0", "--raw", "x", "--json"}, "--json excludes --raw and --hex");
    expect_usage({"cdat", "0d:00.0", "--hex", "--json"}, "--json excludes --raw and --hex");
    expect_usage({"cdat", "0d:00.0", "--check", "--summary"}, "--summary excludes --check");
    expect_usage({"cdat"}, "DEVICE is required, or --file or --all");
    expect_usage({"cdat", "--raw", "0d:00.0"},
                 "DEVICE is required; '0d:00.0' is the FILE of --raw");
    expect_usage({"cdat", "0d:00.0", "--all"}, "only one of DEVICE, --file and --all can be read");
    expect_usage({"cdat", "--file", "x", "--all"},
                 "only one of DEVICE, --file and --all can be read");
    expect_usage({"cdat", "--file", "x", "--refresh"}, "--refresh excludes --file");
    expect_usage({"cdat", "--all", "--raw"}, "--all excludes --raw");
    expect_usage({"cdat", "build"}, "FILE is required");
    expect_usage({"cdat", "build", "x", "--all"}, "build takes FILE and --output only");
    expect_usage({"cdat", "build", "x", "--json"}, "build takes FILE and --output only");
    expect_usage({"stats", "--json", "--textfile"}, "--json excludes --textfile");
    expect_usage({"reset", "0d:00.0", "--json"}, "reset prints nothing, and no JSON either");
    expect_usage({"release", "0d:00.0", "--json", "--", "true"},
                 "release prints nothing, and no JSON either");
    expect_usage({"list", "--bus", "session", "-H", "far"}, "--bus excludes --host");
    expect_usage({"list", "--host=-x"}, "--host takes [USER@]HOST, not '-x'");
    expect_usage({"release", "0d:00.0", "-H", "far", "--", "true"},
                 "release takes no --host: a lease is a file descriptor, which does not pass over "
                 "ssh; run it on that host: ssh far doectl release 0d:00.0 -- COMMAND");
    expect_usage({"monitor", "-H", "far"},
                 "monitor takes no --host: events come through a file descriptor, which does not "
                 "pass over ssh; run it on that host: ssh far doectl monitor");
    for (const char* timeout : {"0", "-1", "1e-9", "86401", "nan", "inf"}) {
        expect_usage({"list", "--timeout", timeout},
                     "--timeout takes seconds, above 0 and up to 86400");
    }
}

TEST(AWrongCommandLine, IsRefusedWhateverIsWrong) {
    const std::initializer_list<const char*> rows[] = {
        {"list", "extra"},           {"list", "--unknown"},
        {"list", "--raw", "x"},      {"show", "0d:00.0", "0e:00.0"},
        {"list", "show", "0d:00.0"}, {"list", "--timeout", "soon"},
        {"list", "--bus"},           {"cdat", "build", "x", "y"},
    };
    for (const auto& words : rows) {
        const auto line = parse(words);
        ASSERT_FALSE(line) << *std::prev(words.end());
        EXPECT_EQ(line.error().kind(), FailureKind::usage);
    }
}

TEST(HelpAndVersion, AreAnswersAndNoFailures) {
    EXPECT_TRUE(parse({"--version"})->answer.starts_with("doectl "));
    const auto help = parse({"--help"});
    ASSERT_TRUE(help);
    for (const char* word :
         {"list", "show", "discover", "cdat", "stats", "trace", "reset", "release", "--bus",
          "--host", "--no-ask-password", "--timeout", "--json", "--no-legend", "Exit codes:"}) {
        EXPECT_NE(help->answer.find(word), std::string::npos) << word;
    }
    const auto command_help = parse({"cdat", "--help"});
    ASSERT_TRUE(command_help);
    for (const char* word : {"--raw", "--hex", "--summary", "--check", "--file", "--all",
                             "--refresh", "DEVICE", "build"}) {
        EXPECT_NE(command_help->answer.find(word), std::string::npos) << word;
    }
}

}  // namespace
}  // namespace doed::client
