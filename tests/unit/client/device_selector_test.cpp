// SPDX-License-Identifier: Apache-2.0
#include "client/device_selector.hpp"

#include "samples.hpp"

#include <gtest/gtest.h>

namespace doed::client {
namespace {

bool any(const MailboxRecord&) {
    return true;
}
bool has_cdat(const MailboxRecord& mailbox) {
    return mailbox.cdat.has_value();
}

DeviceSelector selector(std::string_view text) {
    auto parsed = DeviceSelector::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(DeviceSelector{});
}

TEST(ADeviceName, IsReadWithAndWithoutDomainAndOffset) {
    const struct {
        const char* text;
        const char* address;
        std::optional<std::uint16_t> offset;
    } rows[] = {
        {"0d:00.0", "0000:0d:00.0", std::nullopt},
        {"0000:0d:00.0", "0000:0d:00.0", std::nullopt},
        {"0000:0D:1F.7", "0000:0d:1f.7", std::nullopt},
        {"d:0.0", "0000:0d:00.0", std::nullopt},
        {"10000:01:00.0", "10000:01:00.0", std::nullopt},
        {"ffffffff:01:00.0", "ffffffff:01:00.0", std::nullopt},
        {"0d:00.0/190", "0000:0d:00.0", 0x190},
        {"0000:0d:00.0/0x1A0", "0000:0d:00.0", 0x1a0},
        {"0d:00.0/0fff", "0000:0d:00.0", 0xfff},
    };
    for (const auto& row : rows) {
        const auto parsed = DeviceSelector::parse(row.text);
        ASSERT_TRUE(parsed) << row.text;
        EXPECT_EQ(parsed->address, row.address) << row.text;
        EXPECT_EQ(parsed->offset, row.offset) << row.text;
    }
}

TEST(ADeviceName, ThatIsNoneIsWrongUsage) {
    for (const char* text : {"",
                             "0d",
                             "0d:00",
                             "00.0",
                             "0d:00.",
                             "0d:00.8",
                             "0d:20.0",
                             "100:00.0",
                             ":00.0",
                             "0d:.0",
                             "0d:00.0.0",
                             "x:00.0",
                             "-1:00.0",
                             "0x0d:00.0",
                             " 0d:00.0",
                             "0d:00.0 ",
                             "1:2:3:4.0",
                             ":0d:00.0",
                             "123456789:0d:00.0",
                             "/190"}) {
        const auto parsed = DeviceSelector::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().kind(), FailureKind::usage) << text;
        EXPECT_NE(parsed.error().line().find("names no device"), std::string::npos) << text;
    }
}

TEST(AMailboxOffset, ThatIsNoneIsWrongUsage) {
    for (const char* text :
         {"0d:00.0/", "0d:00.0/0x", "0d:00.0/1000", "0d:00.0/19g", "0d:00.0/190/", "0d:00.0/-1"}) {
        const auto parsed = DeviceSelector::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().kind(), FailureKind::usage) << text;
        EXPECT_NE(parsed.error().line().find("names no mailbox"), std::string::npos) << text;
    }
}

TEST(SelectingADevice, FindsItByItsAddress) {
    const auto devices = samples::host();
    const auto device = select_device(devices, selector("0e:00.0"));
    ASSERT_TRUE(device);
    EXPECT_EQ((*device)->address, "0000:0e:00.0");
}

TEST(SelectingADevice, TellsOfTheSameAddressInAnotherDomainAndDoesNotTakeIt) {
    const auto devices = samples::host();
    const auto device = select_device(devices, selector("01:00.0"));
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().kind(), FailureKind::not_found);
    EXPECT_EQ(device.error().line(), "doed knows no device 0000:01:00.0; there is 10000:01:00.0");
}

TEST(SelectingADevice, SendsTheUserToTheListWhenThereIsNoneAlike) {
    const auto device = select_device({}, selector("0d:00.0"));
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().line(),
              "doed knows no device 0000:0d:00.0; see what is there with: doectl list");
}

TEST(SelectingAMailbox, TakesTheOnlyOne) {
    const auto devices = samples::host();
    const auto selection = select_mailbox(devices, selector("0d:00.0"), "at all", any);
    ASSERT_TRUE(selection);
    EXPECT_EQ(selection->name(), "0000:0d:00.0/190");
}

TEST(SelectingAMailbox, TakesTheOnlySuitableOne) {
    auto device = samples::two_mailboxes();
    device.mailboxes[1].cdat = CdatRecord{};
    const DeviceRecord devices[] = {device};
    const auto selection = select_mailbox(devices, selector("0e:00.0"), "with a CDAT", has_cdat);
    ASSERT_TRUE(selection);
    EXPECT_EQ(selection->name(), "0000:0e:00.0/1a0");
}

TEST(SelectingAMailbox, TakesTheOneAtTheOffsetThoughItDoesNotSuit) {
    const auto devices = samples::host();
    const auto selection =
        select_mailbox(devices, selector("0e:00.0/190"), "with a CDAT", has_cdat);
    ASSERT_TRUE(selection);
    EXPECT_EQ(selection->name(), "0000:0e:00.0/190");
}

TEST(SelectingAMailbox, AsksWhichWhenSeveralSuit) {
    const auto devices = samples::host();
    const auto selection =
        select_mailbox(devices, selector("10000:01:00.0"), "with a CDAT", has_cdat);
    ASSERT_FALSE(selection);
    EXPECT_EQ(selection.error().kind(), FailureKind::usage);
    EXPECT_EQ(selection.error().line(),
              "10000:01:00.0 has 2 mailboxes with a CDAT; name one of 10000:01:00.0/100, "
              "10000:01:00.0/200");
}

TEST(SelectingAMailbox, IsRefusedWhenNoneSuits) {
    const auto devices = samples::host();
    const auto selection = select_mailbox(devices, selector("0e:00.0"), "with a CDAT", has_cdat);
    ASSERT_FALSE(selection);
    EXPECT_EQ(selection.error().kind(), FailureKind::refused);
    EXPECT_EQ(
        selection.error().line(),
        "0000:0e:00.0 has no mailbox with a CDAT; see what it has with: doectl show 0000:0e:00.0");
}

TEST(SelectingAMailbox, ListsTheOffsetsThereAre) {
    const auto devices = samples::host();
    const auto selection = select_mailbox(devices, selector("0e:00.0/200"), "at all", any);
    ASSERT_FALSE(selection);
    EXPECT_EQ(selection.error().kind(), FailureKind::not_found);
    EXPECT_EQ(selection.error().line(),
              "0000:0e:00.0 has no mailbox at 200; there is 0000:0e:00.0/190, 0000:0e:00.0/1a0");
}

TEST(SelectingAMailbox, OfAnUnknownDeviceFindsNothing) {
    const auto selection = select_mailbox({}, selector("0e:00.0/200"), "at all", any);
    ASSERT_FALSE(selection);
    EXPECT_EQ(selection.error().kind(), FailureKind::not_found);
}

}  // namespace
}  // namespace doed::client
