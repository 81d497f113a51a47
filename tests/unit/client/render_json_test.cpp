// SPDX-License-Identifier: Apache-2.0
#include "client/render_json.hpp"

#include "samples.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

namespace doed::client {
namespace {

using nlohmann::json;

json parsed(const Outcome<std::string>& text) {
    EXPECT_TRUE(text);
    return json::parse(text.value_or("null"));
}

TEST(EveryDocument, StatesItsSchema) {
    const auto device = samples::memory_device();
    const auto reading = make_cdat_reading("0000:0d:00.0/190", {}, samples::sound_table());
    EXPECT_EQ(parsed(json_of_devices({}, JsonStyle::compact))["schema"], 1);
    EXPECT_EQ(parsed(json_of_device(device, JsonStyle::compact))["schema"], 1);
    EXPECT_EQ(parsed(json_of_features("0000:0d:00.0/190", {}, JsonStyle::compact))["schema"], 1);
    EXPECT_EQ(parsed(json_of_cdat(reading, JsonStyle::compact))["schema"], 1);
}

TEST(ADocument, IsOneLineOrIndented) {
    EXPECT_EQ(json_of_devices({}, JsonStyle::compact), "{\"schema\":1,\"devices\":[]}\n");
    EXPECT_EQ(json_of_devices({}, JsonStyle::pretty),
              "{\n  \"schema\": 1,\n  \"devices\": []\n}\n");
}

TEST(ADocument, EscapesWhatIsNotPlainAscii) {
    auto device = samples::two_mailboxes();
    device.driver = "gerät\x7f\u009b";
    const auto text = json_of_device(device, JsonStyle::compact);
    ASSERT_TRUE(text);
    EXPECT_NE(text->find(R"("driver":"ger\u00e4t\u007f\u009b")"), std::string::npos) << *text;
    EXPECT_NE(text->find(R"("owner_reason":"red\u001b[31m\nnext line")"), std::string::npos)
        << *text;
}

TEST(ADocument, ReplacesBytesThatAreNoUtf8) {
    auto device = samples::memory_device();
    device.driver = "a\xff";
    EXPECT_EQ(parsed(json_of_device(device, JsonStyle::compact))["device"]["driver"], "a\uFFFD");
}

TEST(TheDevicesDocument, TellsEverythingAboutADevice) {
    const DeviceRecord devices[] = {samples::memory_device()};
    const auto expected = json::parse(R"json({
        "schema": 1,
        "devices": [{
            "address": "0000:0d:00.0",
            "vendor_id": "8086", "device_id": "0d93", "subsystem_vendor_id": "1af4", "subsystem_id": "1100",
            "class_code": "050210", "driver": "cxl_pci", "numa_node": 0, "iommu_group": 12,
            "mailboxes": [{
                "name": "0000:0d:00.0/190", "offset": "190", "capability_version": 2,
                "state": "idle", "owner": "daemon", "owner_reason": "no kernel user of DOE on this device",
                "backend": "sysfs", "completion": "poll",
                "features": [
                    {"vendor_id": "0001", "type": "00", "name": "DOE Discovery"},
                    {"vendor_id": "1e98", "type": "02", "name": "CXL Table Access (CDAT)"}
                ],
                "queue_length": 0, "exchanges": 9, "aborts": 0, "timeouts": 0, "errors": 0,
                "interrupt_completions": 0, "poll_completions": 17, "config_reads": 126, "config_writes": 46,
                "last_error": null,
                "cdat": {"length": 160, "revision": 1, "sequence": 3, "checksum_valid": true, "source": "mailbox",
                         "problems": []}
            }]
        }]
    })json");
    EXPECT_EQ(parsed(json_of_devices(devices, JsonStyle::pretty)), expected);
}

TEST(TheDeviceDocument, HasNullForWhatDoesNotExist) {
    const auto document = parsed(json_of_device(samples::two_mailboxes(), JsonStyle::compact));
    const auto& device = document["device"];
    EXPECT_TRUE(device["driver"].is_null());
    EXPECT_TRUE(device["numa_node"].is_null());
    EXPECT_TRUE(device["iommu_group"].is_null());
    EXPECT_TRUE(device["mailboxes"][1]["cdat"].is_null());
    EXPECT_TRUE(device["mailboxes"][1]["features"][1]["name"].is_null());
}

TEST(TheFeaturesDocument, NamesTheMailbox) {
    const Feature features[] = {samples::vendor_protocol()};
    EXPECT_EQ(json_of_features("0000:0e:00.0/1a0", features, JsonStyle::compact),
              "{\"schema\":1,\"mailbox\":\"0000:0e:00.0/1a0\","
              "\"features\":[{\"vendor_id\":\"1af4\",\"type\":\"05\",\"name\":null}]}\n");
}

TEST(TheCdatDocument, IsThatOfDoed) {
    auto reading =
        make_cdat_reading("0000:0d:00.0/190", {.source = "mailbox"}, samples::sound_table());
    reading.document = R"({"schema":1,"text":"ger\u00e4t","novelty":[1]})";
    EXPECT_EQ(json_of_cdat(reading, JsonStyle::compact), reading.document + "\n");
    EXPECT_EQ(parsed(json_of_cdat(reading, JsonStyle::pretty)), json::parse(reading.document));
    reading.document = "{";
    EXPECT_FALSE(json_of_cdat(reading, JsonStyle::compact));
}

TEST(TheCdatDocument, IsMadeHereWhereDoedHasNone) {
    const auto reading =
        make_cdat_reading("0000:0d:00.0/190", {.source = "kernel"}, samples::sound_table());
    const auto document = parsed(json_of_cdat(reading, JsonStyle::compact));
    EXPECT_EQ(document["mailbox"], "0000:0d:00.0/190");
    EXPECT_EQ(document["source"], "kernel");
    EXPECT_EQ(document["structures"][0]["handle"], 7);
    const auto file = make_cdat_reading("a.bin", {.source = "file"}, samples::sound_table());
    EXPECT_TRUE(parsed(json_of_cdat(file, JsonStyle::compact))["mailbox"].is_null());
}

TEST(TheDocumentOfAllTables, HasThoseOfEach) {
    const CdatReading readings[] = {
        make_cdat_reading("0000:0d:00.0/190", {.source = "mailbox"}, samples::sound_table()),
        make_cdat_reading("0000:0e:00.0/190", {.source = "kernel"}, samples::bad_table())};
    for (const auto style : {JsonStyle::compact, JsonStyle::pretty}) {
        const auto document = parsed(json_of_cdats(readings, style));
        EXPECT_EQ(document["schema"], 1);
        ASSERT_EQ(document["tables"].size(), 2U);
        EXPECT_EQ(document["tables"][1], parsed(json_of_cdat(readings[1], style)));
    }
    EXPECT_EQ(parsed(json_of_cdats({}, JsonStyle::compact))["tables"], json::array());
}

}  // namespace
}  // namespace doed::client
