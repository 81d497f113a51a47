// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.hpp"

#include <initializer_list>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using testing::HasSubstr;

Startup<Options> parse(std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv{"doed"};
    argv.insert(argv.end(), arguments);
    return parse_options(static_cast<int>(argv.size()), argv.data());
}

TEST(TheCommandLine, MeansTheSystemBusAndThisHostWhenEmpty) {
    const auto options = parse({});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->bus, "system");
    EXPECT_EQ(options->sysfs_root, "/sys");
    EXPECT_FALSE(options->topology_file);
    EXPECT_FALSE(options->config_file);
    EXPECT_FALSE(options->log_level);
    EXPECT_FALSE(options->check_config);
    EXPECT_EQ(options->text, "");
}

TEST(TheCommandLine, SetsEveryOption) {
    const auto options =
        parse({"--bus", "unix:path=/x", "--config", "c.json", "--backend", "emulator:t.json",
               "--sysfs-root", "/fake", "--log-level", "debug", "--check-config"});
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(options->bus, "unix:path=/x");
    EXPECT_EQ(options->config_file, "c.json");
    EXPECT_EQ(options->topology_file, "t.json");
    EXPECT_EQ(options->sysfs_root, "/fake");
    EXPECT_EQ(options->log_level, LogLevel::debug);
    EXPECT_TRUE(options->check_config);
}

TEST(TheHelp, NamesEveryOptionAndExitCode) {
    const auto options = parse({"--help"});
    ASSERT_TRUE(options);
    for (const char* word :
         {"--bus", "--config", "--backend", "--sysfs-root", "--log-level", "--check-config",
          "--version", "--help", "Exit codes", "  0 ", "  1 ", "  2 ", "  3 ", "  4 ", "  5 "}) {
        EXPECT_THAT(options->text, HasSubstr(word));
    }
}

TEST(TheVersion, IsThatOfTheProject) {
    const auto options = parse({"--version"});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->text, "doed " DOED_VERSION "\n");
}

TEST(AWrongCommandLine, IsAUsageFailureInOneLine) {
    for (const auto& arguments : std::vector<std::vector<const char*>>{{"--colour"},
                                                                       {"extra"},
                                                                       {"--bus"},
                                                                       {"--backend", "vfio"},
                                                                       {"--backend", "emulator:"},
                                                                       {"--log-level", "loud"}}) {
        std::vector<const char*> argv{"doed"};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        const auto options = parse_options(static_cast<int>(argv.size()), argv.data());
        ASSERT_FALSE(options) << arguments.front();
        EXPECT_EQ(options.error().code, ExitCode::usage);
        EXPECT_THAT(options.error().message, HasSubstr("see doed --help"));
        EXPECT_EQ(options.error().message.find('\n'), std::string::npos) << options.error().message;
    }
}

}  // namespace
}  // namespace doed::daemon
