// SPDX-License-Identifier: Apache-2.0
#include "client/object_decoder.hpp"

#include "base/dbus_names.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace doed::client {

namespace {

using InterfaceMap = std::map<std::string, PropertyMap, std::less<>>;
using ObjectMap = std::map<std::string, InterfaceMap, std::less<>>;

/// Leaves the field as it is when the property is missing or of another type; false then.
template <typename T>
bool take(const PropertyMap& properties, std::string_view name, T& field) {
    const auto found = properties.find(name);
    const T* value = found != properties.end() ? std::get_if<T>(&found->second) : nullptr;
    if (value != nullptr) {
        field = *value;
    }
    return value != nullptr;
}

ObjectMap read_objects(MessageReader& reader) {
    ObjectMap objects;
    if (reader.enter('a', "{oa{sa{sv}}}")) {
        while (reader.enter('e', "oa{sa{sv}}")) {
            InterfaceMap& interfaces = objects[reader.text('o')];
            if (reader.enter('a', "{sa{sv}}")) {
                while (reader.enter('e', "sa{sv}")) {
                    std::string name = reader.text();
                    interfaces.insert_or_assign(std::move(name), reader.properties());
                    reader.leave();
                }
                reader.leave();
            }
            reader.leave();
        }
        reader.leave();
    }
    return objects;
}

Outcome<DeviceRecord> decode_device(const std::string& path, const PropertyMap& properties) {
    DeviceRecord device;
    device.path = path;
    if (!take(properties, "Address", device.address)) {
        return failed(FailureKind::general, "doed tells no Address for " + path, versions_differ);
    }
    take(properties, "VendorId", device.vendor_id);
    take(properties, "DeviceId", device.device_id);
    take(properties, "SubsystemVendorId", device.subsystem_vendor_id);
    take(properties, "SubsystemId", device.subsystem_id);
    take(properties, "ClassCode", device.class_code);
    take(properties, "Driver", device.driver);
    take(properties, "NumaNode", device.numa_node);
    take(properties, "IommuGroup", device.iommu_group);
    return device;
}

Outcome<MailboxRecord> decode_mailbox(const std::string& path, const PropertyMap& properties) {
    MailboxRecord mailbox;
    mailbox.path = path;
    if (!take(properties, "Offset", mailbox.offset)) {
        return failed(FailureKind::general, "doed tells no Offset for " + path, versions_differ);
    }
    take(properties, "CapabilityVersion", mailbox.capability_version);
    take(properties, "State", mailbox.state);
    take(properties, "Owner", mailbox.owner);
    take(properties, "OwnerReason", mailbox.owner_reason);
    take(properties, "Backend", mailbox.backend);
    take(properties, "Completion", mailbox.completion);
    take(properties, "Features", mailbox.features);
    take(properties, "QueueLength", mailbox.queue_length);
    take(properties, "Exchanges", mailbox.exchanges);
    take(properties, "Aborts", mailbox.aborts);
    take(properties, "Timeouts", mailbox.timeouts);
    take(properties, "Errors", mailbox.errors);
    take(properties, "InterruptCompletions", mailbox.interrupt_completions);
    take(properties, "PollCompletions", mailbox.poll_completions);
    take(properties, "ConfigReads", mailbox.config_reads);
    take(properties, "ConfigWrites", mailbox.config_writes);
    take(properties, "LastError", mailbox.last_error);
    return mailbox;
}

/// Addresses are padded hexadecimal, only the domain grows beyond its four digits.
auto address_order(const DeviceRecord& device) {
    return std::tuple(device.address.size(), std::string_view(device.address));
}

}  // namespace

Outcome<std::vector<DeviceRecord>> decode_objects(MessageReader& reader) {
    const ObjectMap objects = read_objects(reader);
    if (!reader.ok()) {
        return failed(FailureKind::general, "the list of doed's objects cannot be read",
                      versions_differ);
    }

    std::map<std::string, DeviceRecord, std::less<>> devices;
    for (const auto& [path, interfaces] : objects) {
        if (const auto found = interfaces.find(names::device_interface);
            found != interfaces.end()) {
            auto device = decode_device(path, found->second);
            if (!device) {
                return std::unexpected(std::move(device).error());
            }
            devices.emplace(path, std::move(*device));
        }
    }
    for (const auto& [path, interfaces] : objects) {
        const auto found = interfaces.find(names::mailbox_interface);
        if (found == interfaces.end()) {
            continue;
        }
        auto mailbox = decode_mailbox(path, found->second);
        if (!mailbox) {
            return std::unexpected(std::move(mailbox).error());
        }
        if (const auto cdat = interfaces.find(names::cdat_interface); cdat != interfaces.end()) {
            mailbox->cdat = decode_cdat(cdat->second);
        }
        const auto device = devices.find(path.substr(0, path.rfind('/')));
        if (device == devices.end()) {
            return failed(FailureKind::general, "doed tells no device for " + path,
                          versions_differ);
        }
        device->second.mailboxes.push_back(std::move(*mailbox));
    }

    std::vector<DeviceRecord> sorted;
    for (auto& [path, device] : devices) {
        std::ranges::sort(device.mailboxes, {}, &MailboxRecord::offset);
        sorted.push_back(std::move(device));
    }
    std::ranges::sort(sorted, {}, address_order);
    return sorted;
}

CdatRecord decode_cdat(const PropertyMap& properties) {
    CdatRecord cdat;
    take(properties, "Length", cdat.length_bytes);
    take(properties, "Revision", cdat.revision);
    take(properties, "Sequence", cdat.sequence);
    take(properties, "ChecksumValid", cdat.checksum_valid);
    take(properties, "Source", cdat.source);
    take(properties, "Problems", cdat.problems);
    return cdat;
}

}  // namespace doed::client
