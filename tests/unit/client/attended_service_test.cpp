// SPDX-License-Identifier: Apache-2.0
//
// What a person at a terminal gets to see while doed takes its time, and when somebody has to be asked.
#include "client/attended_service.hpp"

#include "base/unique_fd.hpp"
#include "client/progress_line.hpp"
#include "table_service.hpp"

#include <array>
#include <chrono>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace doed::client {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr char denied[] = "org.freedesktop.DBus.Error.AccessDenied";

/// In the place of a terminal.
class Pipe {
public:
    Pipe() {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        out_ = base::UniqueFd(ends[0]);
        in_ = base::UniqueFd(ends[1]);
    }
    [[nodiscard]] int end() const { return in_.get(); }
    [[nodiscard]] std::string read() const {
        std::array<char, 512> bytes{};
        const auto count = ::read(out_.get(), bytes.data(), bytes.size());
        return count > 0 ? std::string(bytes.data(), static_cast<std::size_t>(count)) : "";
    }

private:
    base::UniqueFd out_;
    base::UniqueFd in_;
};

TEST(AProgressLine, AppearsWhenItTakesLongAndGoesAway) {
    const Pipe terminal;
    {
        ProgressLine line(terminal.end(), "waiting");
        line.waited(250ms);
        EXPECT_EQ(terminal.read(), "");
        line.waited(500ms);
        EXPECT_EQ(terminal.read(), "\r\x1b[Kwaiting (0 s)");
        line.waited(750ms);
        EXPECT_EQ(terminal.read(), "") << "the same line";
        line.waited(1s);
        EXPECT_EQ(terminal.read(), "\r\x1b[Kwaiting (1 s)");
    }
    EXPECT_EQ(terminal.read(), "\r\x1b[K");
}

TEST(AProgressLine, IsNotSeenWhenItTakesShort) {
    const Pipe terminal;
    {
        ProgressLine line(terminal.end(), "waiting");
        line.waited(499ms);
    }
    EXPECT_EQ(terminal.read(), "");
}

TEST(AnAttendedService, TellsWhatItWaitsForOnATerminalOnly) {
    const Pipe terminal;
    TableService table;
    table.answer_time = 3s;
    AttendedService silent(table, {});
    ASSERT_TRUE(silent.table(memory_mailbox, true));
    EXPECT_EQ(terminal.read(), "");
    AttendedService service(table, {.progress_terminal = terminal.end()});
    ASSERT_TRUE(service.table(memory_mailbox, true));
    EXPECT_EQ(terminal.read(),
              "\r\x1b[Kreading the CDAT of 0000:0d:00.0/190 (3 s)"
              "\r\x1b[K");
    ASSERT_TRUE(table.devices());
    EXPECT_EQ(terminal.read(), "") << "what is not waited for by it";
}

TEST(AnAttendedService, HasAPersonAskedWhereItIsDenied) {
    TableService table;
    table.failing_call = "discover";
    table.failure_name = denied;
    AttendedService service(table, {.may_ask = true});
    EXPECT_FALSE(service.discover(memory_mailbox));
    EXPECT_THAT(table.calls, ElementsAre(StartsWith("discover"), StartsWith("discover")));
    EXPECT_THAT(table.interactions, ElementsAre(true, false));
}

TEST(AnAttendedService, AsksNobodyWithoutNeed) {
    TableService table;
    AttendedService service(table, {.may_ask = true});
    EXPECT_TRUE(service.reset(memory_mailbox));
    table.failing_call = "reset";
    EXPECT_FALSE(service.reset(memory_mailbox)) << "a failure of another kind";
    EXPECT_EQ(table.calls.size(), 2U);
    EXPECT_THAT(table.interactions, IsEmpty());
}

TEST(AnAttendedService, AsksNobodyWithoutBeingAllowedTo) {
    TableService table;
    table.failing_call = "trace";
    table.failure_name = denied;
    AttendedService service(table, {});
    EXPECT_FALSE(service.trace(memory_mailbox));
    EXPECT_THAT(table.calls, ElementsAre(StartsWith("trace")));
    EXPECT_THAT(table.interactions, IsEmpty());
}

TEST(AnAttendedService, PassesEveryCallOn) {
    TableService table;
    AttendedService service(table, {});
    const std::string path = memory_mailbox;
    EXPECT_TRUE(service.devices());
    EXPECT_TRUE(service.discover(path));
    EXPECT_TRUE(service.table(path, true));
    EXPECT_TRUE(service.table_document(path));
    EXPECT_TRUE(service.trace(path));
    EXPECT_TRUE(service.reset(path));
    EXPECT_TRUE(service.release(path));
    EXPECT_TRUE(service.cdat(path));
    EXPECT_THAT(table.calls, ElementsAre("devices", "discover " + path, "fresh table " + path,
                                         "document " + path, "trace " + path, "reset " + path,
                                         "release " + path, "cdat " + path));
}

}  // namespace
}  // namespace doed::client
