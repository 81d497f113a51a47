// SPDX-License-Identifier: Apache-2.0
#include "emulator/topology.hpp"

#include "base/json_reader.hpp"
#include "base/read_file.hpp"
#include "cdat/table_builder.hpp"
#include "emulator/doe_instance.hpp"
#include "emulator/protocols/echo_responder.hpp"
#include "emulator/topology_faults.hpp"
#include "pci/config_space.hpp"

#include <algorithm>
#include <array>

namespace doed::emulator {

namespace {

using base::JsonObject;
using base::JsonValue;

constexpr std::size_t max_devices = 4096;
constexpr std::size_t max_mailboxes_per_device = 32;  // as many as MSI has messages
constexpr std::uint64_t longest_us = 60'000'000;
constexpr std::size_t max_cdat_size_bytes = 1U << 20;
constexpr std::size_t min_cdat_size_bytes = 16;  // its header

constexpr std::uint16_t lowest_mailbox_offset = 0x100;
constexpr std::uint16_t highest_mailbox_offset =
    pci::config_space_size_bytes - DoeInstance::size_bytes;

constexpr std::array kinds{
    base::JsonChoice<DeviceKind>{"cxl-endpoint", DeviceKind::cxl_endpoint},
    base::JsonChoice<DeviceKind>{"cxl-switch-upstream", DeviceKind::cxl_switch_upstream},
    base::JsonChoice<DeviceKind>{"custom", DeviceKind::custom},
};

// What a device of a kind is when the file does not say.
struct KindDefaults {
    std::uint16_t vendor_id;
    std::uint16_t device_id;
    std::uint32_t class_code;
    std::uint16_t mailbox_offset;
};

std::optional<KindDefaults> defaults_of(DeviceKind kind) {
    switch (kind) {
        case DeviceKind::cxl_endpoint: return KindDefaults{0x8086, 0x0D93, 0x050210, 0x190};
        case DeviceKind::cxl_switch_upstream: return KindDefaults{0x19E5, 0xA128, 0x060400, 0x1A8};
        case DeviceKind::custom: return std::nullopt;
    }
    return std::nullopt;
}

bool serves_table(const MailboxTopology& mailbox) {
    return std::ranges::find(mailbox.protocols, doe::protocol_table_access) !=
           mailbox.protocols.end();
}

base::Duration read_time_us(const JsonValue& value) {
    return std::chrono::microseconds(value.integer<std::uint64_t>(0, longest_us));
}

ResponseTimeRange read_response_time(const JsonValue& value) {
    if (value.is_number()) {
        const base::Duration fixed = read_time_us(value);
        return {fixed, fixed};
    }
    if (!value.is_object()) {
        value.refuse("a whole number of microseconds, or an object with \"min\" and \"max\"");
        return {};
    }
    const JsonObject bounds = value.object({"min", "max"});
    const ResponseTimeRange range{read_time_us(bounds.get("min")), read_time_us(bounds.get("max"))};
    if (range.min > range.max) {
        value.refuse_because("\"min\" is above \"max\"");
        return {};
    }
    return range;
}

doe::Protocol read_protocol(const JsonValue& value, const std::vector<doe::Protocol>& before) {
    constexpr std::array offered{doe::protocol_cma_spdm, doe::protocol_table_access, protocol_echo};
    const auto protocol = doe::Protocol::parse(value.string());
    if (!protocol || std::ranges::find(offered, *protocol) == offered.end()) {
        value.refuse("\"0001:01\" (CMA/SPDM), \"1e98:02\" (CDAT) or \"" +
                     protocol_echo.to_string() + "\" (echo)");
        return {};
    }
    if (std::ranges::find(before, *protocol) != before.end()) {
        value.refuse_because("the mailbox has " + protocol->to_string() + " twice");
    }
    return *protocol;
}

MailboxTopology read_mailbox(const JsonValue& value, const std::vector<MailboxTopology>& before) {
    const JsonObject object = value.object(
        {"offset", "capability_version", "protocols", "busy_while_processing", "faults"});
    MailboxTopology mailbox;
    const JsonValue offset = object.get("offset");
    mailbox.offset =
        offset.integer_or_hex<std::uint16_t>(lowest_mailbox_offset, highest_mailbox_offset);
    if (mailbox.offset % 4 != 0) {
        offset.refuse("a multiple of 4");
    }
    for (const auto& other : before) {
        if (mailbox.offset < other.offset + DoeInstance::size_bytes &&
            other.offset < mailbox.offset + DoeInstance::size_bytes) {
            offset.refuse_because("overlaps another mailbox of the device, each takes 24 bytes");
        }
    }
    if (const auto version = object.find("capability_version")) {
        mailbox.capability_version = version->integer<std::uint8_t>(1, 15);
    }
    for (const auto& protocol : object.get("protocols").array()) {
        mailbox.protocols.push_back(read_protocol(protocol, mailbox.protocols));
    }
    if (const auto busy = object.find("busy_while_processing")) {
        mailbox.busy_while_processing = busy->boolean();
    }
    if (const auto faults = object.find("faults")) {
        mailbox.faults = read_faults(*faults, serves_table(mailbox));
    }
    return mailbox;
}

std::vector<MailboxTopology> read_mailboxes(const JsonObject& object, DeviceKind kind) {
    std::vector<MailboxTopology> mailboxes;
    const auto defaults = defaults_of(kind);
    const auto listed = object.find("mailboxes");
    if (!listed && defaults) {
        mailboxes.push_back(
            {.offset = defaults->mailbox_offset, .protocols = {doe::protocol_table_access}});
        return mailboxes;
    }
    const JsonValue value = object.get("mailboxes");
    for (const auto& mailbox : value.array()) {
        mailboxes.push_back(read_mailbox(mailbox, mailboxes));
    }
    if (mailboxes.size() > max_mailboxes_per_device) {
        value.refuse_because("more than " + std::to_string(max_mailboxes_per_device) +
                             " mailboxes");
    }
    return mailboxes;
}

pci::Address read_address(const JsonValue& value, const std::vector<DeviceTopology>& before) {
    const auto address = pci::Address::parse(value.string());
    if (!address) {
        value.refuse("a PCI address such as \"0000:0d:00.0\"");
        return {};
    }
    if (std::ranges::find(before, *address, &DeviceTopology::address) != before.end()) {
        value.refuse_because("another device has the address " + address->to_string());
    }
    return *address;
}

void read_identity(const JsonObject& object, DeviceTopology& device) {
    constexpr std::uint32_t max_class_code = 0xFFFFFF;
    constexpr std::uint16_t max_vendor_id = 0xFFFE;  // 0xFFFF is what no device reads as
    const auto defaults = defaults_of(device.kind);
    const auto value_of = [&](std::string_view key) {
        return defaults ? object.find(key) : std::optional(object.get(key));
    };
    const auto vendor = value_of("vendor");
    device.vendor_id =
        vendor ? vendor->integer_or_hex<std::uint16_t>(0, max_vendor_id) : defaults->vendor_id;
    const auto id = value_of("device");
    device.device_id = id ? id->integer_or_hex<std::uint16_t>() : defaults->device_id;
    const auto class_code = value_of("class");
    device.class_code = class_code ? class_code->integer_or_hex<std::uint32_t>(0, max_class_code)
                                   : defaults->class_code;

    const auto subsystem_vendor = object.find("subsystem_vendor");
    const auto subsystem_device = object.find("subsystem_device");
    if (device.is_bridge()) {
        for (const auto& subsystem : {subsystem_vendor, subsystem_device}) {
            if (subsystem) {
                subsystem->refuse_because("a bridge (class 0x0604xx) has no subsystem");
            }
        }
        return;
    }
    device.subsystem_vendor_id =
        subsystem_vendor ? subsystem_vendor->integer_or_hex<std::uint16_t>() : device.vendor_id;
    device.subsystem_id =
        subsystem_device ? subsystem_device->integer_or_hex<std::uint16_t>() : device.device_id;
}

void read_host_view(const JsonObject& object, DeviceTopology& device) {
    if (const auto driver = object.find("driver")) {
        device.driver = driver->string();
    }
    if (const auto node = object.find("numa_node")) {
        device.numa_node = node->integer<std::int32_t>(-1);
    }
    if (const auto group = object.find("iommu_group")) {
        device.iommu_group = group->integer<std::uint32_t>();
    }
}

void read_timing(const JsonObject& object, DeviceTopology& device) {
    if (const auto time = object.find("response_time_us")) {
        device.response_time = read_response_time(*time);
    }
    if (const auto time = object.find("abort_time_us")) {
        device.abort_time = read_time_us(*time);
    }
    if (const auto time = object.find("access_delay_us")) {
        device.access_delay = read_time_us(*time);
    }
    if (const auto seed = object.find("seed")) {
        device.seed = seed->integer<std::uint64_t>();
    }
}

std::vector<std::uint8_t> load_table(const JsonValue& value, const std::filesystem::path& file) {
    auto bytes = base::read_file(file, max_cdat_size_bytes);
    if (!bytes) {
        value.refuse_because("cannot read the table: " + bytes.error().message());
        return {};
    }
    if (bytes->size() < min_cdat_size_bytes) {
        value.refuse_because("the table " + file.string() + " has " +
                             std::to_string(bytes->size()) + " bytes, less than its header of 16");
        return {};
    }
    return *std::move(bytes);
}

void read_cdat(const JsonObject& object, const std::filesystem::path& directory,
               DeviceTopology& device) {
    constexpr std::uint64_t range_granule = 256ULL
                                            << 20;  // of a CXL memory range (CXL r3.1 8.1.3.8)
    const auto size = object.find("memory_size");
    if (size) {
        device.memory_size_bytes = size->integer_or_hex<std::uint64_t>(range_granule, 1ULL << 62);
        if (device.kind != DeviceKind::cxl_endpoint) {
            size->refuse_because("only devices of kind \"cxl-endpoint\" have memory");
        } else if (device.memory_size_bytes % range_granule != 0) {
            size->refuse("a multiple of 268435456 (256 MiB)");
        }
    }
    const auto cdat = object.find("cdat");
    if (std::ranges::none_of(device.mailboxes, serves_table)) {
        if (cdat) {
            cdat->refuse_because("no mailbox of the device has the protocol 1e98:02 to serve it");
        }
        return;
    }
    const std::string source = cdat ? cdat->string() : "default";
    if (source != "default") {
        device.cdat = load_table(*cdat, directory / source);
        return;
    }
    switch (device.kind) {
        case DeviceKind::cxl_endpoint:
            device.cdat = cdat::default_endpoint_table(device.memory_size_bytes);
            break;
        case DeviceKind::cxl_switch_upstream: device.cdat = cdat::default_switch_table(); break;
        case DeviceKind::custom:
            (cdat ? *cdat : object.get("cdat"))
                .refuse("the file of a table, a \"custom\" device has no default");
            break;
    }
}

DeviceTopology read_device(const JsonValue& value, const std::filesystem::path& directory,
                           const std::vector<DeviceTopology>& before) {
    const JsonObject object = value.object(
        {"address", "kind", "vendor", "device", "subsystem_vendor", "subsystem_device", "class",
         "driver", "numa_node", "iommu_group", "response_time_us", "abort_time_us",
         "access_delay_us", "seed", "memory_size", "cdat", "mailboxes"});
    DeviceTopology device;
    device.address = read_address(object.get("address"), before);
    device.kind = object.get("kind").choice<DeviceKind>(kinds);
    read_identity(object, device);
    read_host_view(object, device);
    read_timing(object, device);
    device.mailboxes = read_mailboxes(object, device.kind);
    read_cdat(object, directory, device);
    return device;
}

base::Result<Topology> read_topology(const base::JsonDocument& document,
                                     const std::filesystem::path& directory) {
    const JsonObject root = document.root().object({"version", "devices"});
    static_cast<void>(root.get("version").integer<unsigned>(1, 1));
    Topology topology;
    const JsonValue devices = root.get("devices");
    for (const auto& device : devices.array()) {
        topology.devices.push_back(read_device(device, directory, topology.devices));
    }
    if (topology.devices.size() > max_devices) {
        devices.refuse_because("more than " + std::to_string(max_devices) + " devices");
    }
    if (const auto good = document.check(); !good) {
        return std::unexpected(good.error());
    }
    return topology;
}

}  // namespace

base::Result<Topology> Topology::load(const std::filesystem::path& path) {
    const auto document = base::JsonDocument::load(path);
    if (!document) {
        return std::unexpected(document.error());
    }
    return read_topology(*document, path.parent_path());
}

base::Result<Topology> Topology::parse(std::string_view text, const std::string& name,
                                       const std::filesystem::path& directory) {
    const auto document = base::JsonDocument::parse(text, name);
    if (!document) {
        return std::unexpected(document.error());
    }
    return read_topology(*document, directory);
}

}  // namespace doed::emulator
