// SPDX-License-Identifier: Apache-2.0
#include "client/output_file.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace doed::client {
namespace {

std::string content_of(const std::string& file) {
    std::ostringstream content;
    content << std::ifstream(file, std::ios::binary).rdbuf();
    return content.str();
}

TEST(OutputToAFile, ReplacesWhatWasThere) {
    const auto file = testing::TempDir() + "doectl-output";
    ASSERT_TRUE(write_output(file, "something longer"));
    ASSERT_TRUE(write_output(file, std::string_view("a\0b", 3)));
    EXPECT_EQ(content_of(file), std::string("a\0b", 3));
    std::filesystem::remove(file);
}

TEST(OutputToAFile, ThatCannotBeMadeSaysWhy) {
    const auto written = write_output("/nonexistent/table", "x");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().line(),
              "cannot open /nonexistent/table: No such file or directory; "
              "see whether the name is right");
    EXPECT_EQ(written.error().kind(), FailureKind::not_found);
}

TEST(OutputToAFile, OnAFullDiskSaysSo) {
    const auto written = write_output("/dev/full", "x");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().line(),
              "cannot write to /dev/full: No space left on device; make room there");
}

TEST(OutputWithoutAFile, GoesToStandardOutput) {
    testing::internal::CaptureStdout();
    EXPECT_TRUE(write_output(std::nullopt, "one "));
    EXPECT_TRUE(write_output("-", "two"));
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "one two");
}

}  // namespace
}  // namespace doed::client
