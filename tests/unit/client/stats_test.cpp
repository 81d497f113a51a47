// SPDX-License-Identifier: Apache-2.0
//
// doectl stats and reset with a table in doed's place. tests/integration/test_stats.py reads the metrics as Prometheus does.
#include "client/commands/stats.hpp"

#include "client/commands/reset.hpp"
#include "client/render_metrics.hpp"
#include "table_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Stats, HaveALinePerMailboxAndASum) {
    TableService service;
    const auto output = run(StatsOptions{}, service, {});
    ASSERT_TRUE(output);
    EXPECT_THAT(
        output->text,
        HasSubstr("MAILBOX            STATE  ANSWERED  FAILED  TIMED OUT  ABORTS  BY INTERRUPT  "
                  "BY POLL  READS  WRITES\n"
                  "0000:0d:00.0/190   idle   9         0       0          0       0             "
                  "17       126    46\n"));
    EXPECT_THAT(output->text,
                HasSubstr("0000:0e:00.0/1a0   dead   0         3       2          4 "));
    EXPECT_THAT(output->text, HasSubstr("\n5 mailboxes: 9 exchanges answered, 3 failed."));
}

TEST(Stats, AreThoseOfWhatIsNamed) {
    TableService service;
    const auto device = run(StatsOptions{"0e:00.0"}, service, {.legend = false});
    ASSERT_TRUE(device);
    EXPECT_THAT(device->text, HasSubstr("0000:0e:00.0/190"));
    EXPECT_THAT(device->text, HasSubstr("0000:0e:00.0/1a0"));
    EXPECT_THAT(device->text, Not(HasSubstr("0000:0d:00.0")));
    const auto mailbox = run(StatsOptions{"0e:00.0/1a0"}, service, {.legend = false});
    ASSERT_TRUE(mailbox);
    EXPECT_EQ(mailbox->text, "0000:0e:00.0/1a0  dead  0  3  2  4  0  0  0  0\n");
    EXPECT_EQ(run(StatsOptions{"0f:00.0"}, service, {}).error().kind(), FailureKind::not_found);
}

TEST(Stats, SayThatThereIsNothing) {
    TableService service;
    service.host.clear();
    EXPECT_EQ(run(StatsOptions{}, service, {})->text, "doed knows no DOE mailbox here.\n");
    EXPECT_EQ(run(StatsOptions{}, service, {.legend = false})->text, "");
    EXPECT_EQ(run(StatsOptions{"", true}, service, {})->text, "");
}

TEST(Stats, AreJsonWithTheCountersOfList) {
    TableService service;
    const auto output = run(StatsOptions{"0d:00.0"}, service, {.json = JsonStyle::compact});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->text,
              R"({"schema":1,"mailboxes":[{"name":"0000:0d:00.0/190","vendor_id":"8086",)"
              R"("device_id":"0d93","state":"idle","owner":"daemon","queue_length":0,)"
              R"("exchanges":9,"aborts":0,"timeouts":0,"errors":0,"interrupt_completions":0,)"
              R"("poll_completions":17,"config_reads":126,"config_writes":46}]})"
              "\n");
}

TEST(Metrics, CountInBaseUnits) {
    const DeviceRecord devices[] = {samples::memory_device()};
    const auto text = render_metrics(devices);
    EXPECT_THAT(text, HasSubstr(R"(doed_mailbox_config_read_bytes_total{device="0000:0d:00.0",)"
                                R"(mailbox="190",vendor_id="8086",device_id="0d93"} 504)"
                                "\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE doed_mailbox_exchanges_total counter\n"));
    EXPECT_THAT(text, HasSubstr(R"(state="idle",owner="daemon",backend="sysfs",)"
                                R"(completion="poll",driver="cxl_pci"} 1)"));
}

TEST(Metrics, EscapeLabelsAsTheFormatSays) {
    auto device = samples::memory_device();
    device.driver = "a\"b\\c\nd";
    const DeviceRecord devices[] = {device};
    EXPECT_THAT(render_metrics(devices), HasSubstr(R"(driver="a\"b\\c\nd"} 1)"));
}

TEST(Metrics, HaveNoFamilyWithoutSamples) {
    const DeviceRecord devices[] = {samples::two_mailboxes()};
    EXPECT_THAT(render_metrics(devices), Not(HasSubstr("cdat")));
}

TEST(Reset, AsksTheMailboxAndPrintsNothing) {
    TableService service;
    const auto output = run(ResetOptions{"0e:00.0/1a0"}, service, {});
    ASSERT_TRUE(output);
    EXPECT_EQ(output->text, "");
    EXPECT_EQ(output->exit_status, 0);
    EXPECT_THAT(service.calls,
                ElementsAre("devices", "reset /org/doed1/device/0000_0e_00_0/mailbox_1a0"));
}

TEST(Reset, SaysWhichMailboxFailed) {
    TableService service;
    service.failing_call = "reset";
    const auto output = run(ResetOptions{"0d:00.0"}, service, {});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().message(), "cannot reset 0000:0d:00.0/190: late");
}

TEST(TheNameOfAMailbox, IsMadeOfItsPath) {
    EXPECT_EQ(mailbox_name_of_path("/org/doed1/device/0000_0d_00_0/mailbox_190"),
              "0000:0d:00.0/190");
    EXPECT_EQ(mailbox_name_of_path("/org/doed1/device/10000_01_1f_7/mailbox_1a0"),
              "10000:01:1f.7/1a0");
    for (const char* other : {"", "/org/doed1", "/org/doed1/device/0000_0d_00_0",
                              "/org/doed1/device/x/mailbox_1", "/org/doed1/device/mailbox_1"}) {
        EXPECT_EQ(mailbox_name_of_path(other), other);
    }
}

}  // namespace
}  // namespace doed::client
