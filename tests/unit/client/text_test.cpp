// SPDX-License-Identifier: Apache-2.0
#include "client/text.hpp"

#include <numeric>

#include <gtest/gtest.h>

namespace doed::client {
namespace {

TEST(PrintableText, KeepsLettersOfEveryLanguage) {
    EXPECT_EQ(printable("CXL Gerät 設備 🖴"), "CXL Gerät 設備 🖴");
}

TEST(PrintableText, ShowsWhatATerminalWouldObey) {
    EXPECT_EQ(printable("a\x1b[2Jb\nc\td\x7f"), "a\\x1b[2Jb\\x0ac\\x09d\\x7f");
}

TEST(PrintableText, ShowsControlsBeyondAscii) {
    EXPECT_EQ(printable("\u009b2J"), "\\xc2\\x9b2J") << "one-character CSI";
    EXPECT_EQ(printable("a\u2028b"), "a\\xe2\\x80\\xa8b") << "line separator";
    EXPECT_EQ(printable("a\u202Eb"), "a\\xe2\\x80\\xaeb") << "right-to-left override";
    EXPECT_EQ(printable("a\u2066b"), "a\\xe2\\x81\\xa6b") << "left-to-right isolate";
}

TEST(PrintableText, ShowsBytesThatAreNoUtf8) {
    EXPECT_EQ(printable("\xff"), "\\xff");
    EXPECT_EQ(printable("\x80"), "\\x80") << "continuation without a start";
    EXPECT_EQ(printable("\xe2\x80"), "\\xe2\\x80") << "cut short";
    EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b") << "overlong form of ESC";
    EXPECT_EQ(printable("\xe0\x80\x9b"), "\\xe0\\x80\\x9b") << "overlong form of ESC";
    EXPECT_EQ(printable("\xf0\x80\x80\x9b"), "\\xf0\\x80\\x80\\x9b") << "overlong form of ESC";
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "surrogate";
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "above U+10FFFF";
    EXPECT_EQ(printable("\xe2("), "\\xe2(") << "what follows a broken start is read anew";
}

TEST(ACountedNoun, AgreesWithItsNumber) {
    EXPECT_EQ(counted(0, "entry", "entries"), "0 entries");
    EXPECT_EQ(counted(1, "entry", "entries"), "1 entry");
    EXPECT_EQ(counted(2, "entry", "entries"), "2 entries");
}

TEST(ATextTable, LinesUpItsColumnsWithoutTrailingSpaces) {
    TextTable table{"A", "LONG"};
    table.add({"wide cell", "x"});
    table.add({"ä"});
    EXPECT_EQ(table.render(true),
              "A          LONG\n"
              "wide cell  x\n"
              "ä\n");
}

TEST(ATextTable, WithoutLegendIsAsWideAsItsCells) {
    TextTable table{"WIDE TITLE", "B"};
    table.add({"x", "y"});
    EXPECT_EQ(table.render(false), "x  y\n");
}

TEST(ATextTable, MakesCellsPrintable) {
    TextTable table{"A", "B"};
    table.add({"x\n", "y"});
    EXPECT_EQ(table.render(false), "x\\x0a  y\n");
}

}  // namespace
}  // namespace doed::client
