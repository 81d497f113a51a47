// SPDX-License-Identifier: Apache-2.0
#include "samples.hpp"

#include "cdat/table_builder.hpp"

namespace doed::client::samples {

namespace {

MailboxRecord mailbox(const DeviceRecord& device, std::uint16_t offset,
                      std::vector<Feature> features) {
    MailboxRecord record;
    record.path = device.path + "/mailbox_" +
                  mailbox_name(device, {.offset = offset}).substr(device.address.size() + 1);
    record.offset = offset;
    record.capability_version = 2;
    record.state = "idle";
    record.owner = "daemon";
    record.owner_reason = "no kernel user of DOE on this device";
    record.backend = "sysfs";
    record.completion = "poll";
    record.features = std::move(features);
    return record;
}

DeviceRecord device(std::string address, std::string path_tail) {
    DeviceRecord record;
    record.path = "/org/doed1/device/" + path_tail;
    record.address = std::move(address);
    return record;
}

}  // namespace

Feature discovery() {
    return {0x0001, 0x00, "DOE Discovery"};
}
Feature table_access() {
    return {0x1e98, 0x02, "CXL Table Access (CDAT)"};
}
Feature vendor_protocol() {
    return {0x1af4, 0x05, ""};
}

DeviceRecord memory_device() {
    auto record = device("0000:0d:00.0", "0000_0d_00_0");
    record.vendor_id = 0x8086;
    record.device_id = 0x0d93;
    record.subsystem_vendor_id = 0x1af4;
    record.subsystem_id = 0x1100;
    record.class_code = 0x050210;
    record.driver = "cxl_pci";
    record.numa_node = 0;
    record.iommu_group = 12;
    auto first = mailbox(record, 0x190, {discovery(), table_access()});
    first.exchanges = 9;
    first.poll_completions = 17;
    first.config_reads = 126;
    first.config_writes = 46;
    first.cdat = CdatRecord{160, 1, 3, true, "mailbox", {}};
    record.mailboxes = {first};
    return record;
}

DeviceRecord two_mailboxes() {
    auto record = device("0000:0e:00.0", "0000_0e_00_0");
    record.vendor_id = 0x1af4;
    record.device_id = 0x10f0;
    record.class_code = 0x0b4000;
    auto dead = mailbox(record, 0x1a0, {discovery(), vendor_protocol()});
    dead.state = "dead";
    dead.owner_reason = "red\x1b[31m\nnext line";
    dead.last_error = "the mailbox does not react to abort";
    dead.queue_length = 1;
    dead.errors = 3;
    dead.timeouts = 2;
    dead.aborts = 4;
    record.mailboxes = {mailbox(record, 0x190, {discovery()}), dead};
    return record;
}

DeviceRecord far_device() {
    auto record = device("10000:01:00.0", "10000_01_00_0");
    auto first = mailbox(record, 0x100, {discovery(), table_access()});
    auto second = mailbox(record, 0x200, {discovery(), table_access()});
    first.cdat = second.cdat = CdatRecord{};
    record.mailboxes = {first, second};
    return record;
}

std::vector<DeviceRecord> host() {
    return {memory_device(), two_mailboxes(), far_device()};
}

std::vector<std::uint8_t> sound_table() {
    std::vector<std::uint8_t> dsmas(24, 0);
    dsmas[2] = 24;
    dsmas[4] = 7;
    dsmas[23] = 0x10;
    const std::vector<std::uint8_t> structures[] = {dsmas};
    return cdat::build_table(1, 3, structures);
}

std::vector<std::uint8_t> bad_table() {
    const std::vector<std::uint8_t> structures[] = {
        {0, 0, 8, 0, 1, 2, 3, 4}, {9, 0, 6, 0, 0x1b, 0x5b}, {1, 0, 2, 0}};
    auto table = cdat::build_table(1, 3, structures);
    ++table[5];
    return table;
}

std::string trace() {
    return R"({"version": 1, "device": "0000:0d:00.0", "offset": "0x190", "owner": "daemon",
        "owner_reason": "no kernel driver is bound", "state": "idle", "records": [
        {"sequence": 1, "begin": "2026-11-21T07:43:27.781Z", "duration_us": 18, "purpose": "claim", "protocol": null,
         "request_dw": 0, "response_dw": 0, "response_us": null, "status_after_go": null, "status_before_abort": null,
         "status_last": "0x00000000", "reads": 2, "writes": 1, "polls": 0, "completion": null, "abort": "done",
         "outcome": "ok", "error": null},
        {"sequence": 2, "begin": "2026-11-21T07:43:28.481Z", "duration_us": 1000062, "purpose": "request",
         "protocol": "1e98:02", "request_dw": 3, "response_dw": 0, "response_us": null,
         "status_after_go": "0x00000002", "status_before_abort": "0x00000003", "status_last": "0x00000000",
         "reads": 289, "writes": 5, "polls": 286, "completion": null, "abort": "done",
         "outcome": "org.doed1.Error.Timeout", "error": "no response: late"}]})";
}

}  // namespace doed::client::samples
