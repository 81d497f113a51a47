// SPDX-License-Identifier: Apache-2.0
//
// The commands with a table in doed's place.
#include "client/commands/cdat.hpp"
#include "client/commands/cdat_build.hpp"
#include "client/commands/discover.hpp"
#include "client/commands/list.hpp"
#include "client/commands/release.hpp"
#include "client/commands/show.hpp"
#include "client/commands/trace.hpp"
#include "client/output_file.hpp"
#include "samples.hpp"

#include <csignal>
#include <cstdio>

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
    Outcome<std::string> table_document(const std::string& path) override {
        return answer("document " + path, document);
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
    std::string document;
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
    EXPECT_THAT(output->text, StartsWith("CDAT of 0000:0d:00.0/190, "));
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

TEST(Cdat, PrintsTheDocumentOfDoed) {
    TableService service;
    service.document = R"({"schema":1,"novelty":true})";
    const auto output = run(CdatOptions{.device = "0d:00.0", .refresh = true}, service,
                            {.json = JsonStyle::compact});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->text, service.document + "\n");
    // The device is asked once.
    EXPECT_THAT(service.calls, ElementsAre("devices", std::string("fresh table ") + memory_mailbox,
                                           std::string("cdat ") + memory_mailbox,
                                           std::string("document ") + memory_mailbox));
}

TEST(Cdat, GivesTheBytesForAFile) {
    TableService service;
    const auto output =
        run(CdatOptions{.device = "0d:00.0", .view = {.raw_file = "table.bin"}}, service, {});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->file, "table.bin");
    EXPECT_EQ(std::vector<std::uint8_t>(output->text.begin(), output->text.end()), service.bytes);
    EXPECT_THAT(output->warnings, IsEmpty());
}

TEST(Cdat, PrintsEachViewOfATable) {
    TableService service;
    const auto text = [&](const CdatView& view) {
        const auto output = run(CdatOptions{.device = "0d:00.0", .view = view}, service, {});
        return output ? output->text : output.error().line();
    };
    EXPECT_THAT(text({}),
                StartsWith("CDAT of 0000:0d:00.0/190, read through the mailbox: 40 bytes"));
    EXPECT_THAT(text({.hex = true}), HasSubstr("\n 0x00014  07                       DSMADHandle"));
    EXPECT_THAT(text({.summary = true}), HasSubstr("\nMemory range of handle 7\n"));
    EXPECT_EQ(text({.check = true}), "0000:0d:00.0/190: no problems\n");
}

TEST(Cdat, WarnsOfProblemsWhereOnlyBytesAreShown) {
    TableService service;
    service.bytes = samples::bad_table();
    const auto output =
        run(CdatOptions{.device = "0d:00.0", .view = {.raw_file = "-"}}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(
        output->warnings,
        ElementsAre(StartsWith("the CDAT of 0000:0d:00.0/190 has 4 problems, first: error")));
}

TEST(Cdat, EndsAFailedCheckWithAnExitStatusOfItsOwn) {
    TableService service;
    const CdatOptions options{.device = "0d:00.0", .view = {.check = true}};
    EXPECT_EQ(run(options, service, {})->exit_status, 0);
    // What is only known to who read the table counts as well.
    service.record.problems = {"notice at byte 40: 8 bytes of zero padding"};
    EXPECT_EQ(run(options, service, {})->exit_status, 0);
    service.record.problems = {"warning at byte 12: the table changed while it was read"};
    EXPECT_EQ(run(options, service, {})->exit_status, 1);
    EXPECT_EQ(run(options, service, {.json = JsonStyle::compact})->exit_status, 1);
    EXPECT_EQ(run(CdatOptions{.device = "0d:00.0"}, service, {})->exit_status, 0);
}

TEST(CdatAll, PrintsEveryTableThereIs) {
    TableService service;
    const auto report = run(CdatAllOptions{}, service, {});
    ASSERT_TRUE(report);
    EXPECT_THAT(report->text, StartsWith("CDAT of 0000:0d:00.0/190, "));
    EXPECT_THAT(report->text, HasSubstr("\n\nCDAT of 10000:01:00.0/200, "));
    const auto check = run(CdatAllOptions{.view = {.check = true}}, service, {});
    ASSERT_TRUE(check);
    EXPECT_EQ(check->text,
              "0000:0d:00.0/190: no problems\n"
              "10000:01:00.0/100: no problems\n"
              "10000:01:00.0/200: no problems\n");
}

TEST(CdatAll, PrintsALineForEachMemoryRangeOfTheHost) {
    TableService service;
    const auto output = run(CdatAllOptions{.view = {.summary = true}}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, StartsWith("MAILBOX            HANDLE  DPA BASE  SIZE"));
    EXPECT_THAT(output->text, HasSubstr("\n10000:01:00.0/200  7       0x0       1 EiB  volatile"));
    EXPECT_THAT(output->text, EndsWith("\n\n3 tables, 3 memory ranges.\n"));
}

TEST(CdatAll, GoesOnWhereATableCannotBeRead) {
    TableService service;
    service.failing_call = std::string("table ") + memory_mailbox;
    const auto output = run(CdatAllOptions{}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, StartsWith("CDAT of 10000:01:00.0/100"));
    EXPECT_THAT(output->warnings,
                ElementsAre(StartsWith("cannot read the CDAT of 0000:0d:00.0/190: late")));
    EXPECT_EQ(output->exit_status, exit_code(FailureKind::timed_out));
    service.failing_call = "table ";
    EXPECT_FALSE(run(CdatAllOptions{}, service, {}));
}

TEST(CdatFile, IsShownWithoutDoed) {
    const auto path = testing::TempDir() + "doed-cdat-file-test.bin";
    const auto bytes = samples::bad_table();
    ASSERT_TRUE(write_output(path, std::string(bytes.begin(), bytes.end())));
    const auto output = run(CdatFileOptions{.file = path, .view = {.check = true}}, {});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->exit_status, 1);
    EXPECT_THAT(output->text, StartsWith(path + ": error at byte 5: "));
    ASSERT_TRUE(write_output(path, ""));
    EXPECT_EQ(run(CdatFileOptions{.file = path}, {}).error().message(), path + " is empty");
    std::remove(path.c_str());
    EXPECT_EQ(run(CdatFileOptions{.file = path}, {}).error().kind(), FailureKind::not_found);
}

TEST(CdatFile, TellsWhatToDoWithHexadecimalText) {
    const std::string path = testing::TempDir() + "doed-cdat-text";
    ASSERT_TRUE(write_output(path, "a0000000 0213\n"));
    const auto outcome = run(CdatFileOptions{.file = path}, {});
    std::remove(path.c_str());
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().message(), path + " is a table as hexadecimal text");
    EXPECT_THAT(outcome.error().line(), HasSubstr("xxd -r -p " + path));
}

TEST(CdatBuild, MakesTheBytesOfADocument) {
    const auto path = testing::TempDir() + "doed-cdat-build-test.json";
    ASSERT_TRUE(write_output(path, R"({"header": {"sequence": 3}, "structures":
                  [{"name": "DSMAS", "handle": 7, "dpa_length": "1152921504606846976"}]})"));
    const auto output = run(CdatBuildOptions{.file = path, .out = "table.bin"}, {});
    ASSERT_TRUE(output) << output.error().line();
    EXPECT_EQ(output->file, "table.bin");
    EXPECT_EQ(std::vector<std::uint8_t>(output->text.begin(), output->text.end()),
              samples::sound_table());
    ASSERT_TRUE(write_output(path, R"({"structures": [{"name": "DSMAS", "size": 1}]})"));
    const auto wrong = run(CdatBuildOptions{.file = path}, {});
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().kind(), FailureKind::general);
    EXPECT_THAT(wrong.error().message(), StartsWith(path + ": /structures/0/size: unknown key"));
    std::remove(path.c_str());
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
