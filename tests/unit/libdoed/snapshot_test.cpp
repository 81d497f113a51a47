// SPDX-License-Identifier: Apache-2.0
//
// What a snapshot says of devices and mailboxes, through the functions that C has.
#include "fake_doed.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StrEq;

class ASnapshot : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(doed_snapshot_get(context_.get(), &snapshot_), 0)
            << doed_last_error_message(context_.get());
    }
    void TearDown() override { doed_snapshot_unref(snapshot_); }

    FakeDoed doed_{{{"GetManagedObjects", objects_reply()}}};
    ContextPtr context_ = make_context();
    doed_snapshot* snapshot_ = nullptr;
};

TEST_F(ASnapshot, ListsDevicesByAddressAndMailboxesByOffset) {
    std::vector<std::string> seen;
    doed_device* device = nullptr;
    doed_mailbox* mailbox = nullptr;
    doed_device_foreach(snapshot_, device) {
        seen.emplace_back(doed_device_address(device));
        doed_mailbox_foreach(device, mailbox) {
            EXPECT_EQ(doed_mailbox_device(mailbox), device);
            seen.push_back(std::to_string(doed_mailbox_offset(mailbox)));
        }
    }
    EXPECT_THAT(seen, ElementsAre("0000:0d:00.0", "400", "10000:01:00.0", "256", "512"));
}

TEST_F(ASnapshot, TellsWhatDoedTold) {
    const auto* device = doed_device_first(snapshot_);
    EXPECT_STREQ(doed_device_path(device), "/org/doed1/device/0000_0d_00_0");
    EXPECT_EQ(doed_device_vendor_id(device), 0x8086);
    EXPECT_EQ(doed_device_class_code(device), 0x050210U);
    EXPECT_EQ(doed_device_numa_node(device), -1);
    EXPECT_EQ(doed_device_iommu_group(device), -1);
    EXPECT_STREQ(doed_device_driver(device), "cxl_pci");

    const auto* mailbox = doed_mailbox_first(device);
    EXPECT_STREQ(doed_mailbox_path(mailbox), mailbox_path);
    EXPECT_STREQ(doed_mailbox_state(mailbox), "idle");
    EXPECT_STREQ(doed_mailbox_owner(mailbox), "daemon");
    EXPECT_STREQ(doed_mailbox_backend(mailbox), "");
    EXPECT_EQ(doed_mailbox_counter(mailbox, DOED_COUNTER_EXCHANGES), 5U);
    EXPECT_EQ(doed_mailbox_counter(mailbox, DOED_COUNTER_CONFIG_WRITES), 9U);
    EXPECT_EQ(doed_mailbox_counter(mailbox, 8), 0U);
    EXPECT_STREQ(doed_counter_name(DOED_COUNTER_CONFIG_WRITES), "ConfigWrites");
    EXPECT_EQ(doed_counter_name(8), nullptr);

    const auto* features = doed_mailbox_features(mailbox);
    ASSERT_EQ(doed_features_count(features), 2U);
    EXPECT_EQ(doed_features_vendor_id(features, 1), 0x1e98);
    EXPECT_EQ(doed_features_object_type(features, 1), 2);
    EXPECT_STREQ(doed_features_name(features, 0), "DOE Discovery");
    EXPECT_STREQ(doed_features_name(features, 2), "");

    const auto* status = doed_mailbox_cdat_status(mailbox);
    ASSERT_NE(status, nullptr);
    EXPECT_EQ(doed_cdat_status_length(status), 40U);
    EXPECT_EQ(doed_cdat_status_sequence(status), 3U);
    EXPECT_FALSE(doed_cdat_status_checksum_valid(status));
    ASSERT_EQ(doed_cdat_status_problem_count(status), 1U);
    EXPECT_STREQ(doed_cdat_status_problem(status, 0), "notice at byte 4: odd");
    EXPECT_EQ(doed_cdat_status_problem(status, 1), nullptr);
}

TEST_F(ASnapshot, AMailboxWithoutATableHasNoStatus) {
    const auto* far = doed_snapshot_find_device(snapshot_, "10000:01:00.0");
    ASSERT_NE(far, nullptr);
    EXPECT_EQ(doed_mailbox_cdat_status(doed_mailbox_first(far)), nullptr);
    EXPECT_EQ(doed_features_count(doed_mailbox_features(doed_mailbox_first(far))), 0U);
}

TEST_F(ASnapshot, FindsByAddressShortOrLongInAnyCase) {
    auto* near = doed_device_first(snapshot_);
    EXPECT_EQ(doed_snapshot_find_device(snapshot_, "0000:0d:00.0"), near);
    EXPECT_EQ(doed_snapshot_find_device(snapshot_, "0d:00.0"), near);
    EXPECT_EQ(doed_snapshot_find_device(snapshot_, "0000:0D:00.0"), near);
    // Another domain has to be named.
    EXPECT_EQ(doed_snapshot_find_device(snapshot_, "01:00.0"), nullptr);
    EXPECT_EQ(doed_snapshot_find_device(snapshot_, ""), nullptr);
    EXPECT_STREQ(doed_mailbox_path(doed_device_find_mailbox(near, 0x190)), mailbox_path);
    EXPECT_EQ(doed_device_find_mailbox(near, 0x191), nullptr);
}

TEST_F(ASnapshot, OutlivesItsContextAndItsPartsCanBeKept) {
    auto* features =
        doed_features_ref(doed_mailbox_features(doed_mailbox_first(doed_device_first(snapshot_))));
    context_.reset();
    EXPECT_STREQ(doed_device_address(doed_device_first(snapshot_)), "0000:0d:00.0");
    snapshot_ = doed_snapshot_unref(snapshot_);
    EXPECT_EQ(doed_features_count(features), 2U);
    doed_features_unref(features);
}

TEST(AnAccessor, TakesNull) {
    EXPECT_EQ(doed_device_first(nullptr), nullptr);
    EXPECT_EQ(doed_device_next(nullptr), nullptr);
    EXPECT_EQ(doed_mailbox_first(nullptr), nullptr);
    EXPECT_EQ(doed_mailbox_next(nullptr), nullptr);
    EXPECT_EQ(doed_device_address(nullptr), nullptr);
    EXPECT_EQ(doed_mailbox_state(nullptr), nullptr);
    EXPECT_EQ(doed_mailbox_counter(nullptr, 0), 0U);
    EXPECT_EQ(doed_snapshot_unref(nullptr), nullptr);
    EXPECT_EQ(doed_unref(nullptr), nullptr);
    EXPECT_EQ(doed_call_unref(nullptr), nullptr);
    EXPECT_EQ(doed_subscription_unref(nullptr), nullptr);
}

TEST(AnAnswer, ThatIsNotWhatTheContractSaysIsAProtocolError) {
    const FakeDoed doed({{"GetManagedObjects", number_reply(1)}});
    const auto context = make_context();
    doed_snapshot* snapshot = nullptr;
    EXPECT_EQ(doed_snapshot_get(context.get(), &snapshot), -EPROTO);
    EXPECT_EQ(snapshot, nullptr);
    EXPECT_THAT(doed_last_error_message(context.get()), HasSubstr("GetManagedObjects"));
    EXPECT_THAT(doed_last_error_name(context.get()), StrEq(""));
}

TEST(TheManager, IsItsProperties) {
    const FakeDoed doed({{"GetAll", [](sd_bus_message* call) {
                              return sd_bus_reply_method_return(call, "a{sv}", 2, "Version", "s",
                                                                "7.1", "AllowedProtocols", "a(qys)",
                                                                1, 1, 0, "DOE Discovery");
                          }}});
    const auto context = make_context();
    doed_manager* manager = nullptr;
    ASSERT_EQ(doed_manager_get(context.get(), &manager), 0);
    EXPECT_STREQ(doed_manager_version(manager), "7.1");
    EXPECT_STREQ(doed_manager_lockdown(manager), "");
    EXPECT_EQ(doed_features_count(doed_manager_allowed_protocols(manager)), 1U);
    doed_manager_unref(manager);
}

}  // namespace
}  // namespace doed::client
