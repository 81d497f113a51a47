// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include <chrono>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

TEST(AnEmptyConfiguration, HasTheDocumentedDefaults) {
    const auto config = Config::parse("{}", "doed.json");
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->log_level, LogLevel::info);
    EXPECT_EQ(config->workers, 4U);
    EXPECT_EQ(config->default_deadline, 20s);
    EXPECT_EQ(config->allowed.entries().size(), 2U);
    EXPECT_TRUE(config->devices.empty());
    EXPECT_EQ(config->device_default.owner, OwnerChoice::automatic);
    EXPECT_EQ(config->device_default.mailbox.poll.floor, 50us);
    EXPECT_EQ(config->device_default.mailbox.poll.cap, 4ms);
    EXPECT_EQ(config->device_default.mailbox.exchange_timeout, 1s);
    EXPECT_EQ(config->device_default.mailbox.queue_limit, 64U);
    EXPECT_EQ(config->limits.per_client, 16U);
    EXPECT_EQ(config->limits.per_user, 32U);
    EXPECT_EQ(config->limits.in_all, 512U);
    EXPECT_EQ(config->events.subscribers_per_user, 8U);
    EXPECT_EQ(config->events.subscribers_in_all, 64U);
    EXPECT_EQ(config->events.queue, 256U);
}

TEST(AConfiguration, SetsEveryKey) {
    const auto config = Config::parse(R"({
        "log_level": "debug", "workers": 2, "poll_floor_us": 100, "poll_cap_us": 8000,
        "exchange_timeout_ms": 2000, "queue_limit": 8, "default_deadline_ms": 500,
        "queue_limit_per_client": 3, "queue_limit_per_user": 4, "queue_limit_in_all": 65536,
        "refresh_limit": 5, "reader_group": "storage",
        "subscriber_limit_per_user": 6, "subscriber_limit_in_all": 4096, "event_queue_limit": 65536,
        "disable_protocols": ["1e98:02"]})",
                                      "doed.json");
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->log_level, LogLevel::debug);
    EXPECT_EQ(config->workers, 2U);
    EXPECT_EQ(config->default_deadline, 500ms);
    EXPECT_FALSE(config->allowed.find(doe::protocol_table_access));
    EXPECT_TRUE(config->allowed.find(doe::protocol_discovery));
    EXPECT_EQ(config->device_default.mailbox.poll.floor, 100us);
    EXPECT_EQ(config->device_default.mailbox.poll.cap, 8ms);
    EXPECT_EQ(config->device_default.mailbox.exchange_timeout, 2s);
    EXPECT_EQ(config->device_default.mailbox.queue_limit, 8U);
    EXPECT_EQ(config->limits.per_client, 3U);
    EXPECT_EQ(config->limits.per_user, 4U);
    EXPECT_EQ(config->limits.in_all, 65536U);
    EXPECT_EQ(config->refreshes.at_once, 5U);
    EXPECT_EQ(config->events.subscribers_per_user, 6U);
    EXPECT_EQ(config->events.subscribers_in_all, 4096U);
    EXPECT_EQ(config->events.queue, 65536U);
    EXPECT_EQ(config->reader_group, "storage");
}

TEST(ADeviceOfTheConfiguration, StartsFromTheValuesAtTheTop) {
    const auto config = Config::parse(R"({
        "devices": {"0D:00.0": {"owner": "claim", "poll_floor_us": 200}},
        "poll_cap_us": 9000})",
                                      "doed.json");
    ASSERT_TRUE(config) << config.error().message();
    const auto& named = config->device(pci::Address{0, 0x0d, 0, 0});
    EXPECT_EQ(named.owner, OwnerChoice::claim);
    EXPECT_EQ(named.mailbox.poll.floor, 200us);
    EXPECT_EQ(named.mailbox.poll.cap, 9ms);
    const auto& other = config->device(pci::Address{0, 0x0e, 0, 0});
    EXPECT_EQ(other.owner, OwnerChoice::automatic);
    EXPECT_EQ(other.mailbox.poll.floor, 50us);
}

TEST(ADeviceOfTheConfiguration, TakesEveryOwner) {
    const std::vector<std::pair<const char*, OwnerChoice>> choices = {
        {"auto", OwnerChoice::automatic},
        {"claim", OwnerChoice::claim},
        {"kernel", OwnerChoice::kernel},
        {"ignore", OwnerChoice::ignore}};
    for (const auto& [word, choice] : choices) {
        const auto config = Config::parse(
            R"({"devices": {"0d:00.0": {"owner": ")" + std::string(word) + R"("}}})", "doed.json");
        ASSERT_TRUE(config) << config.error().message();
        EXPECT_EQ(config->device(pci::Address{0, 0x0d, 0, 0}).owner, choice) << word;
    }
}

struct Refusal {
    const char* text;
    const char* place;
    const char* words;
};

TEST(AConfiguration, IsRefusedWithFilePlaceAndWhatWasExpected) {
    const std::vector<Refusal> refusals = {
        {"", "doed.json", "line 1"},
        {"[]", "doed.json", "object"},
        {R"({"colour": "red"})", "/colour", "colour"},
        {R"({"log_level": "loud"})", "/log_level", "warning"},
        {R"({"log_level": 3})", "/log_level", "found 3"},
        {R"({"workers": 0})", "/workers", "64"},
        {R"({"workers": "four"})", "/workers", "number"},
        {R"({"workers": 65})", "/workers", "64"},
        {R"({"poll_floor_us": 0})", "/poll_floor_us", "1"},
        {R"({"poll_floor_us": 5000})", "doed.json",
         "poll_cap_us is below poll_floor_us: 4000 and 5000 here, the defaults included"},
        {R"({"exchange_timeout_ms": 999})", "/exchange_timeout_ms", "1000"},
        {R"({"queue_limit": 0})", "/queue_limit", "1"},
        {R"({"queue_limit_per_client": 0})", "/queue_limit_per_client", "4096"},
        {R"({"queue_limit_per_user": 4097})", "/queue_limit_per_user", "4096"},
        {R"({"queue_limit_in_all": 65537})", "/queue_limit_in_all", "65536"},
        {R"({"refresh_limit": 0})", "/refresh_limit", "4096"},
        {R"({"reader_group": ""})", "/reader_group", "group"},
        {R"({"default_deadline_ms": -1})", "/default_deadline_ms", "1"},
        {R"({"disable_protocols": "1e98:02"})", "/disable_protocols", "array"},
        {R"({"disable_protocols": ["1e98"]})", "/disable_protocols/0", "1e98:02"},
        {R"({"disable_protocols": ["d0ed:42"]})", "/disable_protocols/0", "d0ed:42"},
        {R"({"disable_protocols": ["0001:00"]})", "/disable_protocols/0", "0001:00"},
        {R"({"devices": []})", "/devices", "object"},
        {R"({"devices": {"slot 7": {}}})", "/devices/slot 7", "PCI address"},
        {R"({"devices": {"slot\n7": {}}})", "/devices/slot?7", "PCI address"},
        {R"({"devices": {"0d:00.0": {}, "0000:0d:00.0": {}}})", "/devices", "twice"},
        {R"({"devices": {"0d:00.0": {"owner": "me"}}})", "/devices/0d:00.0/owner", "claim"},
        {R"({"devices": {"0d:00.0": {"workers": 1}}})", "/devices/0d:00.0/workers", "workers"},
    };
    for (const auto& refusal : refusals) {
        const auto config = Config::parse(refusal.text, "doed.json");
        ASSERT_FALSE(config) << refusal.text;
        EXPECT_EQ(config.error().code(), base::Errc::invalid_argument) << refusal.text;
        EXPECT_THAT(
            config.error().message(),
            AllOf(HasSubstr("doed.json"), HasSubstr(refusal.place), HasSubstr(refusal.words)))
            << refusal.text;
        EXPECT_EQ(config.error().message().find('\n'), std::string::npos) << refusal.text;
    }
}

TEST(AConfigurationFile, IsNotFoundWhereThereIsNone) {
    const auto config = Config::load("/nonexistent/doed.json");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code(), base::Errc::not_found);
}

}  // namespace
}  // namespace doed::daemon
