// SPDX-License-Identifier: Apache-2.0
//
// The commands with a table in doed's place, but for those of tables.
#include "client/commands/cdat.hpp"
#include "client/commands/discover.hpp"
#include "client/commands/list.hpp"
#include "client/commands/release.hpp"
#include "client/commands/show.hpp"
#include "client/commands/trace.hpp"
#include "table_service.hpp"

#include <csignal>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using testing::_;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST(List, PrintsEveryDevice) {
    TableService service;
    const auto output = run(ListOptions{}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, EndsWith("3 devices, 5 mailboxes.\n"));
    EXPECT_FALSE(output->file);
    EXPECT_THAT(output->warnings, IsEmpty());
}

TEST(List, PrintsJson) {
    TableService service;
    const auto output = run(ListOptions{}, service, {.json = JsonStyle::compact});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, StartsWith("{\"schema\":1,\"devices\":[{"));
}

TEST(EveryCommand, SaysThatTheDevicesCannotBeListed) {
    TableService service;
    service.failing_call = "devices";
    for (const auto& output :
         {run(ListOptions{}, service, {}), run(ShowOptions{"0d:00.0"}, service, {}),
          run(DiscoverOptions{"0d:00.0"}, service, {}),
          run(CdatOptions{.device = "0d:00.0"}, service, {})}) {
        ASSERT_FALSE(output);
        EXPECT_EQ(output.error().kind(), FailureKind::timed_out);
        EXPECT_EQ(output.error().message(), "cannot list the devices: late");
    }
}

TEST(EveryCommand, ChecksItsWordsBeforeItAsksDoed) {
    TableService service;
    for (const auto& output :
         {run(ShowOptions{"x"}, service, {}), run(DiscoverOptions{"x"}, service, {}),
          run(CdatOptions{.device = "x"}, service, {})}) {
        ASSERT_FALSE(output);
        EXPECT_EQ(output.error().kind(), FailureKind::usage);
    }
    EXPECT_THAT(service.calls, IsEmpty());
}

TEST(Show, PrintsADeviceWithAllItsMailboxes) {
    TableService service;
    const auto output = run(ShowOptions{"0e:00.0"}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, HasSubstr("\nMailbox 0000:0e:00.0/190\n"));
    EXPECT_THAT(output->text, HasSubstr("\nMailbox 0000:0e:00.0/1a0\n"));
}

TEST(Show, PrintsTheOneMailboxThatIsNamed) {
    TableService service;
    const auto output = run(ShowOptions{"0e:00.0/1a0"}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, Not(HasSubstr("Mailbox 0000:0e:00.0/190")));
    EXPECT_THAT(output->text, HasSubstr("\nMailbox 0000:0e:00.0/1a0\n"));
}

TEST(Show, FindsNoDeviceAndNoMailboxThatIsNotThere) {
    TableService service;
    for (const char* name : {"0f:00.0", "0d:00.0/200"}) {
        const auto output = run(ShowOptions{name}, service, {});
        ASSERT_FALSE(output) << name;
        EXPECT_EQ(output.error().kind(), FailureKind::not_found) << name;
    }
}

TEST(Discover, AsksTheMailbox) {
    TableService service;
    const auto output = run(DiscoverOptions{"0d:00.0"}, service, {.legend = false});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->text, "0001:00  DOE Discovery\n");
    EXPECT_THAT(service.calls, ElementsAre("devices", std::string("discover ") + memory_mailbox));
}

TEST(Discover, NeedsAnOffsetWhereThereAreSeveralMailboxes) {
    TableService service;
    const auto output = run(DiscoverOptions{"0e:00.0"}, service, {});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().kind(), FailureKind::usage);
    EXPECT_THAT(service.calls, ElementsAre("devices"));
}

TEST(Discover, SaysWhichMailboxFailed) {
    TableService service;
    service.failing_call = "discover";
    const auto output = run(DiscoverOptions{"0e:00.0/1a0"}, service, {});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().message(), "cannot discover 0000:0e:00.0/1a0: late");
    EXPECT_EQ(output.error().dbus_name(), "org.doed1.Error.Timeout");
}

TEST(Trace, PrintsWhatTheMailboxDid) {
    TableService service;
    const auto output = run(TraceOptions{"0d:00.0"}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, StartsWith("NO  BEGIN"));
    EXPECT_THAT(output->text, HasSubstr("Timeout: no response"));
    EXPECT_THAT(service.calls, ElementsAre("devices", std::string("trace ") + memory_mailbox));
}

TEST(Trace, PrintsTheDocumentOfDoedWhenItIsAskedForJson) {
    TableService service;
    service.trace_document = R"({"version":2,"novelty":true})";
    const auto output = run(TraceOptions{"0d:00.0"}, service, {.json = JsonStyle::compact});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->text, service.trace_document + "\n");
}

TEST(Trace, NeedsAnOffsetWhereThereAreSeveralMailboxes) {
    TableService service;
    const auto output = run(TraceOptions{"0e:00.0"}, service, {});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().kind(), FailureKind::usage);
    EXPECT_THAT(service.calls, ElementsAre("devices"));
}

TEST(Trace, SaysWhichMailboxFailed) {
    TableService service;
    service.failing_call = "trace";
    const auto output = run(TraceOptions{"0e:00.0/1a0"}, service, {});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().message(), "cannot trace 0000:0e:00.0/1a0: late");
}

TEST(Release, RunsTheCommandUnderTheLeaseAndEndsWithItsExitStatus) {
    TableService service;
    const auto output =
        run(ReleaseOptions{"0d:00.0",
                           {"sh", "-c", "test \"$DOED_MAILBOX\" = 0000:0d:00.0/190 && exit 42"}},
            service, {});
    ASSERT_TRUE(output) << output.error().line();
    EXPECT_EQ(output->exit_status, 42);
    EXPECT_THAT(service.calls, ElementsAre("devices", std::string("release ") + memory_mailbox));
}

TEST(Release, HandsTheLeaseOnToTheCommandInAProcessGroupOfItsOwn) {
    TableService service;
    const auto output =
        run(ReleaseOptions{"0d:00.0",
                           {"sh", "-c",
                            "read -r _ _ _ _ group _ </proc/self/stat && test \"$group\" = $$ && "
                            "test /proc/self/fd/$DOED_LEASE_FD -ef /proc/$PPID/fd/$DOED_LEASE_FD"}},
            service, {});
    ASSERT_TRUE(output) << output.error().line();
    EXPECT_EQ(output->exit_status, 0);
}

TEST(Release, LeavesSignalsAsTheyWereToTheCommandAndToItself) {
    const auto blocked = [] {
        sigset_t now;
        ::sigprocmask(SIG_BLOCK, nullptr, &now);
        return ::sigismember(&now, SIGTERM) + ::sigismember(&now, SIGCHLD);
    };
    TableService service;
    const auto output =
        run(ReleaseOptions{"0d:00.0", {"grep", "-q", "^SigBlk:\\s0*$", "/proc/self/status"}},
            service, {});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->exit_status, 0);
    EXPECT_EQ(blocked(), 0);
}

TEST(Release, TellsWhichSignalEndedTheCommand) {
    TableService service;
    const auto output = run(ReleaseOptions{"0d:00.0", {"sh", "-c", "kill -TERM $$"}}, service, {});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->exit_status, 128 + SIGTERM);
}

TEST(Release, EndsWith127ForACommandThatDoesNotExist) {
    TableService service;
    const auto output = run(ReleaseOptions{"0d:00.0", {"/no/such/command"}}, service, {});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->exit_status, 127);
}

TEST(Release, DoesNotRunTheCommandWithoutALease) {
    TableService service;
    service.failing_call = "release";
    const auto output = run(ReleaseOptions{"0d:00.0", {"sh", "-c", "exit 0"}}, service, {});
    ASSERT_FALSE(output);
    EXPECT_THAT(output.error().line(), StartsWith("cannot release 0000:0d:00.0/190"));
}

}  // namespace
}  // namespace doed::client
