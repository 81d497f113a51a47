// SPDX-License-Identifier: Apache-2.0
#include "client/palette.hpp"

#include "client/render_cdat.hpp"
#include "client/render_stats.hpp"
#include "client/render_table.hpp"
#include "client/text.hpp"
#include "samples.hpp"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using testing::HasSubstr;
using testing::Not;

const Palette coloured(true);

/// An environment variable for the time of a test; null: unset.
class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* before = std::getenv(name); before != nullptr) {
            before_ = before;
            was_set_ = true;
        }
        set(value);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() { set(was_set_ ? before_.c_str() : nullptr); }

    void set(const char* value) const {
        if (value == nullptr) {
            ::unsetenv(name_);
        } else {
            ::setenv(name_, value, 1);
        }
    }

private:
    const char* name_;
    std::string before_;
    bool was_set_ = false;
};

TEST(Colours, AreForTerminalsThatKnowThemAndUsersWhoDoNotObject) {
    const Variable no_color("NO_COLOR", nullptr);
    const Variable term("TERM", "xterm");
    EXPECT_TRUE(Palette::wanted(true));
    EXPECT_FALSE(Palette::wanted(false));
    no_color.set("1");
    EXPECT_FALSE(Palette::wanted(true));
    no_color.set("");
    EXPECT_TRUE(Palette::wanted(true)) << "empty counts as unset";
    term.set("dumb");
    EXPECT_FALSE(Palette::wanted(true));
    term.set(nullptr);
    EXPECT_FALSE(Palette::wanted(true));
}

TEST(Colours, MarkLines) {
    EXPECT_EQ(coloured.paint_marked_lines("!a\n b\n?c\n"),
              "\x1b[31m!a\x1b[0m\n b\n\x1b[33m?c\x1b[0m\n");
    EXPECT_EQ(Palette().paint_marked_lines("!a\n?c"), "!a\n?c");
}

TEST(Colours, DoNotMoveColumns) {
    TextTable table{"A", "LONG"};
    table.add({"dead", "x"});
    table.tint(0, Tone::bad);
    table.add({"longer", "y"});
    EXPECT_EQ(table.render(true, coloured),
              "\x1b[1mA\x1b[0m       \x1b[1mLONG\x1b[0m\n"
              "\x1b[31mdead\x1b[0m    x\n"
              "longer  y\n");
}

TEST(Colours, ShowWhatIsOutOfOrder) {
    auto device = samples::two_mailboxes();
    device.mailboxes[0].state = device.mailboxes[0].owner = "none";
    const DeviceRecord devices[] = {device};
    for (const auto& text :
         {render_device_list(devices, true, coloured), render_device(device, coloured)}) {
        EXPECT_THAT(text, HasSubstr("\x1b[31mdead\x1b[0m"));
        EXPECT_THAT(text, HasSubstr("\x1b[33mnone\x1b[0m"));
        EXPECT_THAT(text, Not(HasSubstr("\x1b[31mred"))) << "texts of others never colour anything";
    }
    EXPECT_THAT(render_stats(devices, true, coloured), HasSubstr("\x1b[33m3\x1b[0m"));
    EXPECT_THAT(render_stats(devices, true, coloured), Not(HasSubstr("m0\x1b[0m")));
    EXPECT_THAT(render_stats(devices, true), Not(HasSubstr("\x1b")));
}

TEST(Colours, ShowHowGraveAProblemIs) {
    const CdatReading reading =
        make_cdat_reading("x", CdatRecord{.source = "file"}, samples::bad_table());
    const auto text = render_cdat_problems(std::span(&reading, 1), true, coloured);
    EXPECT_THAT(text, HasSubstr("x: \x1b[31m"));
}

}  // namespace
}  // namespace doed::client
