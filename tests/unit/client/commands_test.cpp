// SPDX-License-Identifier: Apache-2.0
//
// The commands with a table in doed's place.
#include "client/commands/cdat.hpp"
#include "client/commands/discover.hpp"
#include "client/commands/list.hpp"
#include "client/commands/release.hpp"
#include "client/commands/show.hpp"
#include "client/commands/trace.hpp"
#include "samples.hpp"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace doed::client {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class TableService final : public Service {
public:
    Outcome<std::vector<DeviceRecord>> devices() override { return answer("devices", host); }
    Outcome<std::vector<Feature>> discover(const std::string& path) override {
        return answer("discover " + path, features);
    }
    Outcome<std::vector<std::uint8_t>> table(const std::string& path, bool refresh) override {
        return answer((refresh ? "fresh table " : "table ") + path, bytes);
    }
    Outcome<std::string> trace(const std::string& path) override {
        return answer("trace " + path, trace_document);
    }
    Outcome<base::UniqueFd> release(const std::string& path) override {
        const auto lent = answer("release " + path, 0);
        return lent ? Outcome<base::UniqueFd>(base::UniqueFd(::dup(STDERR_FILENO)))
                    : std::unexpected(lent.error());
    }
    Outcome<CdatRecord> cdat(const std::string& path) override {
        return answer("cdat " + path, record);
    }

    std::vector<DeviceRecord> host = samples::host();
    std::vector<Feature> features{samples::discovery()};
    std::vector<std::uint8_t> bytes = samples::sound_table();
    CdatRecord record{.source = "mailbox"};
    std::string trace_document = samples::trace();
    std::string failing_call;  ///< the one that starts so fails
    std::vector<std::string> calls;

private:
    template <typename T>
    Outcome<T> answer(const std::string& call, const T& value) {
        calls.push_back(call);
        if (!failing_call.empty() && call.starts_with(failing_call)) {
            return std::unexpected(failure_from_error("org.doed1.Error.Timeout", "late"));
        }
        return value;
    }
};

constexpr char memory_mailbox[] = "/org/doed1/device/0000_0d_00_0/mailbox_190";

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
    EXPECT_THAT(output->text, testing::Not(HasSubstr("Mailbox 0000:0e:00.0/190")));
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
    EXPECT_THAT(output->text, StartsWith("SEQUENCE  BEGIN"));
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

TEST(Cdat, PrintsTheTableOfTheOnlyMailboxThatHasOne) {
    TableService service;
    const auto output = run(CdatOptions{.device = "0d:00.0"}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, StartsWith("CDAT of 0000:0d:00.0/190\n"));
    EXPECT_THAT(service.calls, ElementsAre("devices", std::string("table ") + memory_mailbox,
                                           std::string("cdat ") + memory_mailbox));
}

TEST(Cdat, ReadsTheDeviceWhenAskedTo) {
    TableService service;
    ASSERT_TRUE(run(CdatOptions{.device = "0d:00.0", .refresh = true}, service, {}));
    EXPECT_THAT(service.calls, testing::Contains(std::string("fresh table ") + memory_mailbox));
}

TEST(Cdat, PrintsJson) {
    TableService service;
    const auto output =
        run(CdatOptions{.device = "0d:00.0"}, service, {.json = JsonStyle::compact});
    ASSERT_TRUE(output);
    EXPECT_THAT(
        output->text,
        StartsWith("{\"schema\":1,\"mailbox\":\"0000:0d:00.0/190\",\"source\":\"mailbox\""));
}

TEST(Cdat, GivesTheBytesForAFile) {
    TableService service;
    const auto output = run(CdatOptions{.device = "0d:00.0", .raw_file = "table.bin"}, service, {});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->file, "table.bin");
    EXPECT_EQ(std::vector<std::uint8_t>(output->text.begin(), output->text.end()), service.bytes);
    EXPECT_THAT(output->warnings, IsEmpty());
}

TEST(Cdat, PrintsADump) {
    TableService service;
    const auto output = run(CdatOptions{.device = "0d:00.0", .hex = true}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, StartsWith("00000000  28 00 00 00 01 "));
    EXPECT_THAT(output->text, EndsWith("00000028\n"));
}

TEST(Cdat, WarnsOfProblemsWhereOnlyBytesAreShown) {
    TableService service;
    service.bytes = samples::bad_table();
    for (const auto& options : {CdatOptions{.device = "0d:00.0", .raw_file = "-"},
                                CdatOptions{.device = "0d:00.0", .hex = true}}) {
        const auto output = run(options, service, {});
        ASSERT_TRUE(output);
        EXPECT_THAT(
            output->warnings,
            ElementsAre(StartsWith("the CDAT of 0000:0d:00.0/190 has 3 problems, first: error")));
    }
}

TEST(Cdat, IsRefusedWhereThereIsNone) {
    TableService service;
    for (const char* name : {"0e:00.0", "0e:00.0/190"}) {
        const auto output = run(CdatOptions{.device = name}, service, {});
        ASSERT_FALSE(output) << name;
        EXPECT_EQ(output.error().kind(), FailureKind::refused) << name;
    }
    EXPECT_THAT(service.calls, ElementsAre("devices", "devices"));
}

TEST(Cdat, SaysWhyAMailboxMayOfferNone) {
    TableService service;
    auto& mailbox = service.host[1].mailboxes[0];
    const auto message = [&] {
        return run(CdatOptions{.device = "0e:00.0/190"}, service, {}).error().message();
    };
    EXPECT_EQ(message(), "0000:0e:00.0/190 offers no CDAT");
    mailbox.state = "dead";
    mailbox.last_error.clear();
    EXPECT_EQ(message(), "0000:0e:00.0/190 offers no CDAT (it is dead)");
    mailbox.last_error = "no response";
    EXPECT_EQ(message(), "0000:0e:00.0/190 offers no CDAT (it is dead: no response)");
    mailbox.owner = "none";
    mailbox.owner_reason = "kernel lockdown";
    EXPECT_EQ(message(), "0000:0e:00.0/190 offers no CDAT (owner none: kernel lockdown)");
}

TEST(Cdat, SaysWhichCallFailed) {
    TableService service;
    service.failing_call = "table";
    EXPECT_EQ(run(CdatOptions{.device = "0d:00.0"}, service, {}).error().message(),
              "cannot read the CDAT of 0000:0d:00.0/190: late");
    service.failing_call = "cdat";
    EXPECT_EQ(run(CdatOptions{.device = "0d:00.0"}, service, {}).error().message(),
              "cannot read where the CDAT of 0000:0d:00.0/190 came from: late");
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
