// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace doed::daemon {
namespace {

TEST(ALog, WritesOneLineEachUpToItsLevel) {
    testing::internal::CaptureStderr();
    const Log log(LogLevel::warning, Log::Prefix::none);
    log.error("first");
    log.warning("second");
    log.info("not this");
    log.debug("nor this");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "first\nsecond\n");
}

TEST(ALog, MarksTheLevelForTheJournal) {
    testing::internal::CaptureStderr();
    const Log log(LogLevel::debug, Log::Prefix::syslog);
    log.error("a");
    log.warning("b");
    log.info("c");
    log.debug("d");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "<3>a\n<4>b\n<6>c\n<7>d\n");
}

TEST(ALog, KnowsTheJournalWhenStandardErrorIsItsStream) {
    struct stat status{};
    ASSERT_EQ(::fstat(STDERR_FILENO, &status), 0);
    const std::string ours = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    ::setenv("JOURNAL_STREAM", ours.c_str(), 1);
    EXPECT_EQ(Log::prefix_for_stderr(), Log::Prefix::syslog);
    // Inherited from a service whose output was then redirected.
    ::setenv("JOURNAL_STREAM", "8:1", 1);
    EXPECT_EQ(Log::prefix_for_stderr(), Log::Prefix::none);
    ::unsetenv("JOURNAL_STREAM");
    EXPECT_EQ(Log::prefix_for_stderr(), Log::Prefix::none);
}

TEST(ALogLevel, IsReadFromItsWord) {
    EXPECT_EQ(parse_log_level("error"), LogLevel::error);
    EXPECT_EQ(parse_log_level("debug"), LogLevel::debug);
    EXPECT_EQ(parse_log_level("loud"), std::nullopt);
}

}  // namespace
}  // namespace doed::daemon
