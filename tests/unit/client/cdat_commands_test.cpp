// SPDX-License-Identifier: Apache-2.0
//
// doectl cdat with a table in doed's place, and without doed.
#include "cdat/table_builder.hpp"
#include "client/commands/cdat.hpp"
#include "client/commands/cdat_build.hpp"
#include "client/output_file.hpp"
#include "samples.hpp"
#include "table_service.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using testing::_;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

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
    EXPECT_THAT(text({}), StartsWith("CDAT of 0000:0d:00.0/190, from the mailbox: 40 bytes"));
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

TEST(Cdat, SummarizesATableWithProblemsAndSaysHowGraveTheyAre) {
    TableService service;
    service.document = "{}";
    const auto head = [&] {
        const auto output =
            run(CdatOptions{.device = "0d:00.0", .view = {.summary = true}}, service, {});
        return output->text.substr(0, output->text.find('\n'));
    };
    EXPECT_EQ(head(), "CDAT of 0000:0d:00.0/190: no problems");
    service.record.problems = {"notice at byte 40: 8 bytes of zero padding"};
    EXPECT_EQ(head(),
              "CDAT of 0000:0d:00.0/190: 1 problem, a notice (doectl cdat "
              "0000:0d:00.0/190 --check)");
    service.record.problems.emplace_back("error at byte 5: the bytes do not add up");
    EXPECT_EQ(head(),
              "CDAT of 0000:0d:00.0/190: 2 problems, the worst an error (doectl cdat "
              "0000:0d:00.0/190 --check)");
}

TEST(Cdat, DoesNotCountProblemsThatAreNotListed) {
    TableService service;
    // Figures of 70 handles that nobody has.
    std::vector<std::vector<std::uint8_t>> structures;
    for (std::uint8_t handle = 0; handle < 70; ++handle) {
        structures.push_back(
            {1, 0, 24, 0, handle, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0});
    }
    service.bytes = cdat::build_table(1, 0, structures);
    for (const auto& problem : cdat::Table::parse(service.bytes).all_problems()) {
        service.record.problems.push_back(to_string(problem));
    }
    const auto summary =
        run(CdatOptions{.device = "0d:00.0", .view = {.summary = true}}, service, {});
    EXPECT_THAT(summary->text, StartsWith("CDAT of 0000:0d:00.0/190: more than 64 problems, the "
                                          "worst a warning (doectl cdat"));
    const auto raw = run(CdatOptions{.device = "0d:00.0", .view = {.raw_file = "-"}}, service, {});
    EXPECT_THAT(raw->warnings, ElementsAre(HasSubstr(" has more than 64 problems, first: ")));
}

TEST(Cdat, WarnsWhereWhatTheKernelMadeOfItCannotBeHad) {
    TableService service;
    const CdatView summary{.summary = true};
    const auto warnings = [&](const CdatView& view, std::optional<JsonStyle> json) {
        return run(CdatOptions{.device = "0d:00.0", .view = view}, service, {.json = json})
            ->warnings;
    };
    const auto missing = ElementsAre(
        StartsWith("what the kernel made of the CDAT of 0000:0d:00.0/190 is not shown: "));
    EXPECT_THAT(warnings(summary, {}), missing);
    EXPECT_THAT(warnings({}, JsonStyle::compact), missing);
    EXPECT_THAT(warnings({}, {}), IsEmpty());
    service.document = R"({"host": null})";
    EXPECT_THAT(warnings(summary, {}), IsEmpty());
    EXPECT_THAT(warnings({}, JsonStyle::compact), IsEmpty());
}

TEST(Cdat, TakesTheExitStatusFromTheDocumentThatItPrints) {
    TableService service;
    const auto status = [&] {
        return run(CdatOptions{.device = "0d:00.0", .view = {.check = true}}, service,
                   {.json = JsonStyle::compact})
            ->exit_status;
    };
    // Read anew in between: better, and worse.
    service.bytes = samples::bad_table();
    service.document = R"({"problems": [{"severity": "notice", "offset": 40, "text": "padding"}]})";
    EXPECT_EQ(status(), 0);
    service.bytes = samples::sound_table();
    service.document = R"({"problems": [{"severity": "error", "offset": 5, "text": "sum"}]})";
    EXPECT_EQ(status(), check_failed_status);
    service.document = R"({"problems": 1})";
    EXPECT_FALSE(run(CdatOptions{.device = "0d:00.0"}, service, {.json = JsonStyle::compact}));
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

/// A host whose mailboxes are being claimed, until one of them is asked for something.
void let_start(TableService& service) {
    service.host_once_claimed = service.host;
    for (auto& device : service.host) {
        for (auto& mailbox : device.mailboxes) {
            mailbox.state = "starting";
            mailbox.features.clear();
            mailbox.cdat.reset();
        }
    }
}

TEST(Cdat, WaitsForAMailboxThatIsBeingClaimed) {
    for (const char* device : {"0d:00.0", "0d:00.0/190"}) {
        TableService service;
        let_start(service);
        const auto output = run(CdatOptions{.device = device}, service, {});
        ASSERT_TRUE(output) << output.error().line();
        EXPECT_THAT(output->text, StartsWith("CDAT of 0000:0d:00.0/190, "));
        EXPECT_THAT(service.calls, ElementsAre("devices", std::string("discover ") + memory_mailbox,
                                               "devices", std::string("table ") + memory_mailbox,
                                               std::string("cdat ") + memory_mailbox));
    }
}

TEST(Cdat, DoesNotWaitForAMailboxThatIsClaimedAnewNorForOneBesideTheOneWithATable) {
    TableService service;
    auto& mailboxes = service.host.front().mailboxes;
    mailboxes.front().state = "starting";
    mailboxes.push_back(mailboxes.front());
    mailboxes.back().cdat.reset();
    EXPECT_TRUE(run(CdatOptions{.device = "0d:00.0"}, service, {}));
    EXPECT_THAT(service.calls, Not(testing::Contains(StartsWith("discover "))));
}

TEST(Cdat, SaysThatAClaimTakesTooLongWithTheCodeForThat) {
    TableService service;
    let_start(service);
    service.host_once_claimed.reset();
    service.failing_call = "discover";
    service.failure_name = "org.doed1.Error.DeadlineExceeded";
    const auto output = run(CdatOptions{.device = "0d:00.0"}, service, {});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().kind(), FailureKind::timed_out);
    EXPECT_EQ(output.error().line(),
              "cannot tell whether 0000:0d:00.0/190 offers a CDAT: late "
              "(org.doed1.Error.DeadlineExceeded); allow more time with --timeout");
}

TEST(Cdat, IsContentWithATableWhereAnotherMailboxOfTheDeviceCannotBeClaimed) {
    TableService service;
    let_start(service);
    auto& claimed = service.host_once_claimed->front().mailboxes;
    claimed.push_back(claimed.front());
    claimed.back().cdat.reset();
    claimed.back().state = "dead";
    service.failing_call = "discover";
    service.failure_name = "org.doed1.Error.Dead";
    EXPECT_TRUE(run(CdatOptions{.device = "0d:00.0"}, service, {}));
}

TEST(Cdat, RefusesAMailboxThatTurnsOutToOfferNone) {
    TableService service;
    let_start(service);
    service.host_once_claimed->front().mailboxes.front().cdat.reset();
    const auto output = run(CdatOptions{.device = "0d:00.0"}, service, {});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().kind(), FailureKind::refused);
    EXPECT_EQ(output.error().message(), "0000:0d:00.0/190 offers no CDAT");
}

void expect_nothing_wrong_with_any(Service& service) {
    const auto check = run(CdatAllOptions{.view = {.check = true}}, service, {});
    ASSERT_TRUE(check);
    EXPECT_EQ(check->text,
              "0000:0d:00.0/190: no problems\n"
              "10000:01:00.0/100: no problems\n"
              "10000:01:00.0/200: no problems\n");
    EXPECT_EQ(check->exit_status, 0);
}

TEST(CdatAll, WaitsForMailboxesThatAreBeingClaimed) {
    TableService service;
    let_start(service);
    expect_nothing_wrong_with_any(service);
}

TEST(CdatAll, TellsOfMailboxesThatCouldNotBeClaimedInTime) {
    TableService service;
    service.host.front().mailboxes.front().state = "starting";
    service.host.front().mailboxes.front().cdat.reset();
    service.failing_call = "discover";
    const auto output = run(CdatAllOptions{}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, StartsWith("CDAT of 10000:01:00.0/100"));
    EXPECT_THAT(
        output->warnings,
        ElementsAre(StartsWith("cannot tell whether 0000:0d:00.0/190 offers a CDAT: late")));
    EXPECT_EQ(output->exit_status, exit_code(FailureKind::timed_out));
}

TEST(CdatAll, PrintsEveryTableThereIs) {
    TableService service;
    const auto report = run(CdatAllOptions{}, service, {});
    ASSERT_TRUE(report);
    EXPECT_THAT(report->text, StartsWith("CDAT of 0000:0d:00.0/190, "));
    EXPECT_THAT(report->text, HasSubstr("\n\nCDAT of 10000:01:00.0/200, "));
    expect_nothing_wrong_with_any(service);
}

TEST(CdatAll, PrintsALineForEachMemoryRangeOfTheHost) {
    TableService service;
    const auto output = run(CdatAllOptions{.view = {.summary = true}}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, StartsWith("  MAILBOX            WHAT      DPA BASE  SIZE"));
    EXPECT_THAT(output->text,
                HasSubstr("\n  10000:01:00.0/200  memory 7  0x0       1 EiB  volatile"));
    EXPECT_THAT(output->text, HasSubstr("\n\n3 tables, 3 memory ranges.\n"));
    EXPECT_THAT(output->text, Not(HasSubstr("REGION"))) << "the kernel made nothing of any";
    EXPECT_THAT(output->warnings, ElementsAre(HasSubstr("is not shown"), _, _));
}

TEST(CdatAll, MarksATableThatTellsOfNothing) {
    TableService service;
    service.bytes = samples::bad_table();
    service.document = "{}";
    const auto output = run(CdatAllOptions{.view = {.summary = true}}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text,
                ContainsRegex("\n! 0000:0d:00.0/190   no memory told .*  4, the worst an "
                              "error\n! 10000:01:00.0/100  no memory told "));
    EXPECT_THAT(output->text, EndsWith("Problems of 3 tables: doectl cdat --all --check\n"));
    EXPECT_THAT(output->warnings, IsEmpty());
}

TEST(CdatAll, HasALineForATableThatCannotBeRead) {
    TableService service;
    service.failing_call = std::string("table ") + memory_mailbox;
    const auto output = run(CdatAllOptions{.view = {.summary = true}}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text, HasSubstr("\n! 0000:0d:00.0/190   not read"));
    EXPECT_THAT(output->text, HasSubstr("\n2 tables, 2 memory ranges, 1 not read.\n"));
    EXPECT_EQ(output->exit_status, exit_code(FailureKind::timed_out));
    EXPECT_THAT(run(CdatAllOptions{}, service, {})->text, Not(HasSubstr("0000:0d:00.0/190")));
    service.failing_call = "table ";
    EXPECT_FALSE(run(CdatAllOptions{.view = {.summary = true}}, service, {}));
}

TEST(CdatAll, ShowsWhatTheKernelMadeOfEachTable) {
    TableService service;
    service.bytes = cdat::default_endpoint_table(256U << 20);
    service.document = R"({"host": {"memory_device": "mem0", "regions": [{"name": "region0",
        "numa_node": 1, "targets": 1, "read_latency_ns": "310",
        "read_bandwidth_mb_per_s": "9600"}]}})";
    const auto text = [&] {
        return run(CdatAllOptions{.view = {.summary = true}}, service, {})->text;
    };
    EXPECT_THAT(text(), HasSubstr("  REGION   NUMA NODE  KERNEL'S READ LATENCY  KERNEL'S READ "
                                  "BANDWIDTH  PROBLEMS\n"));
    EXPECT_THAT(text(), HasSubstr("\n  0000:0d:00.0/190   memory 0 "));
    EXPECT_THAT(text(), HasSubstr("  region0  1          310 ns                 9600 MB/s"));
    service.document.replace(service.document.find("310"), 3, "149");
    EXPECT_THAT(text(), HasSubstr("\n! 0000:0d:00.0/190   memory 0 "));
    EXPECT_THAT(text(), HasSubstr("  149 ns (!)  "));
}

TEST(CdatAll, PrintsTheFirstWaysOfALargeSwitch) {
    constexpr std::uint16_t ports = 10;
    std::vector<std::uint8_t> sslbis{5, 0, 0, 0, 0, 0, 0, 0, 0xE8, 3, 0, 0, 0, 0, 0, 0};
    for (std::uint16_t way = 0; way < ports * ports; ++way) {
        const auto from = static_cast<std::uint8_t>(way / ports);
        const auto to = static_cast<std::uint8_t>(way % ports);
        sslbis.insert(sslbis.end(), {from, 0, to, 0, static_cast<std::uint8_t>(way + 1), 0, 0, 0});
    }
    sslbis[2] = static_cast<std::uint8_t>(sslbis.size());
    sslbis[3] = static_cast<std::uint8_t>(sslbis.size() >> 8U);
    TableService service;
    service.host = {samples::memory_device()};
    service.bytes = cdat::build_table(1, 0, std::span(&sslbis, 1));
    const auto output = run(CdatAllOptions{.view = {.summary = true}}, service, {.legend = false});
    ASSERT_TRUE(output);
    EXPECT_THAT(output->text,
                StartsWith("  0000:0d:00.0/190  switch, 10 ports, 100 ways  -  -  -  1 to 100 ns"));
    EXPECT_THAT(output->text, EndsWith("64 of 100 ways of 0000:0d:00.0/190 are listed; see all "
                                       "with: doectl cdat 0000:0d:00.0/190 --summary\n"));
    EXPECT_EQ(std::ranges::count(output->text, '\n'), 1 + 64 + 1);
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

TEST(CdatFile, NeedsAName) {
    const auto outcome = run(CdatFileOptions{.file = ""}, {});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().line(), "the file name of --file is empty; see: doectl --help");
    EXPECT_EQ(outcome.error().kind(), FailureKind::usage);
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

}  // namespace
}  // namespace doed::client
