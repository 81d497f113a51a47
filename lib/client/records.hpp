// SPDX-License-Identifier: Apache-2.0
//
// What doed tells about its objects, as plain values: the properties of dbus/org.doed1.*.xml under their own names.
// Texts are as they came over the bus; whoever shows them makes them printable (text.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace doed::client {

/// A protocol that a mailbox offers.
struct Feature {
    std::uint16_t vendor_id = 0;
    std::uint8_t object_type = 0;
    std::string name;  ///< empty for a protocol doed does not know

    friend bool operator==(const Feature&, const Feature&) = default;
};

/// org.doed1.Cdat: doed's copy of the table; zeros while it has none.
struct CdatRecord {
    std::uint32_t length_bytes = 0;
    std::uint8_t revision = 0;
    std::uint32_t sequence = 0;
    bool checksum_valid = false;
    std::string source;  ///< "mailbox" or "kernel"
    std::vector<std::string> problems;
};

/// org.doed1.Mailbox, with org.doed1.Cdat where the mailbox offers it.
struct MailboxRecord {
    std::string path;  ///< of its D-Bus object
    std::uint16_t offset = 0;
    std::uint8_t capability_version = 0;
    std::string state;
    std::string owner;
    std::string owner_reason;
    std::string backend;
    std::string completion;
    std::vector<Feature> features;
    std::uint32_t queue_length = 0;
    std::uint64_t exchanges = 0;
    std::uint64_t aborts = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t errors = 0;
    std::uint64_t interrupt_completions = 0;
    std::uint64_t poll_completions = 0;
    std::uint64_t config_reads = 0;   ///< dwords
    std::uint64_t config_writes = 0;  ///< dwords
    std::string last_error;
    std::optional<CdatRecord> cdat;
};

/// org.doed1.Device with its mailboxes in the order of their offsets.
struct DeviceRecord {
    std::string path;     ///< of its D-Bus object
    std::string address;  ///< "0000:0d:00.0"
    std::uint16_t vendor_id = 0;
    std::uint16_t device_id = 0;
    std::uint16_t subsystem_vendor_id = 0;
    std::uint16_t subsystem_id = 0;
    std::uint32_t class_code = 0;
    std::string driver;             ///< empty: none
    std::int32_t numa_node = -1;    ///< -1: none
    std::int32_t iommu_group = -1;  ///< -1: none
    std::vector<MailboxRecord> mailboxes;
};

/// The way a mailbox is named to doectl: "0000:0d:00.0/190".
[[nodiscard]] std::string mailbox_name(const DeviceRecord& device, const MailboxRecord& mailbox);
/// The same from the path of its D-Bus object; the path itself when it is no mailbox's.
[[nodiscard]] std::string mailbox_name_of_path(std::string_view path);
/// "1e98:02"
[[nodiscard]] std::string protocol_number(const Feature& feature);

}  // namespace doed::client
