// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed_records.hpp"

#include <cstddef>

namespace doed::client {

namespace {

MailboxRecord record_of(const doed_mailbox* mailbox) {
    const auto counter = [&](doed_counter which) { return doed_mailbox_counter(mailbox, which); };
    MailboxRecord record;
    record.path = doed_mailbox_path(mailbox);
    record.offset = doed_mailbox_offset(mailbox);
    record.capability_version = doed_mailbox_capability_version(mailbox);
    record.state = doed_mailbox_state(mailbox);
    record.owner = doed_mailbox_owner(mailbox);
    record.owner_reason = doed_mailbox_owner_reason(mailbox);
    record.backend = doed_mailbox_backend(mailbox);
    record.completion = doed_mailbox_completion(mailbox);
    record.features = features_of(doed_mailbox_features(mailbox));
    record.queue_length = doed_mailbox_queue_length(mailbox);
    record.exchanges = counter(DOED_COUNTER_EXCHANGES);
    record.aborts = counter(DOED_COUNTER_ABORTS);
    record.timeouts = counter(DOED_COUNTER_TIMEOUTS);
    record.errors = counter(DOED_COUNTER_ERRORS);
    record.interrupt_completions = counter(DOED_COUNTER_INTERRUPT_COMPLETIONS);
    record.poll_completions = counter(DOED_COUNTER_POLL_COMPLETIONS);
    record.config_reads = counter(DOED_COUNTER_CONFIG_READS);
    record.config_writes = counter(DOED_COUNTER_CONFIG_WRITES);
    record.last_error = doed_mailbox_last_error(mailbox);
    if (const auto* status = doed_mailbox_cdat_status(mailbox); status != nullptr) {
        record.cdat = client::record_of(status);
    }
    return record;
}

DeviceRecord record_of(const doed_device* device) {
    DeviceRecord record;
    record.path = doed_device_path(device);
    record.address = doed_device_address(device);
    record.vendor_id = doed_device_vendor_id(device);
    record.device_id = doed_device_device_id(device);
    record.subsystem_vendor_id = doed_device_subsystem_vendor_id(device);
    record.subsystem_id = doed_device_subsystem_id(device);
    record.class_code = doed_device_class_code(device);
    record.driver = doed_device_driver(device);
    record.numa_node = doed_device_numa_node(device);
    record.iommu_group = doed_device_iommu_group(device);
    const doed_mailbox* mailbox = nullptr;
    doed_mailbox_foreach(device, mailbox) {
        record.mailboxes.push_back(record_of(mailbox));
    }
    return record;
}

EventKind kind_of(std::uint32_t type) noexcept {
    switch (type) {
        case DOED_EVENT_SUBSCRIBED: return EventKind::subscribed;
        case DOED_EVENT_DEVICE_ADDED: return EventKind::device_added;
        case DOED_EVENT_DEVICE_REMOVED: return EventKind::device_removed;
        case DOED_EVENT_MAILBOX_ADDED: return EventKind::mailbox_added;
        case DOED_EVENT_MAILBOX_REMOVED: return EventKind::mailbox_removed;
        case DOED_EVENT_STATE: return EventKind::state;
        case DOED_EVENT_OWNER: return EventKind::owner;
        case DOED_EVENT_CDAT_CHANGED: return EventKind::cdat_changed;
        case DOED_EVENT_EXCHANGE_FAILED: return EventKind::exchange_failed;
        case DOED_EVENT_DRIVER_SPECIFIC: return EventKind::driver_specific;
        case DOED_EVENT_DAEMON_GONE: return EventKind::daemon_gone;
        case DOED_EVENT_DAEMON_RESTARTED: return EventKind::daemon_restarted;
        case DOED_EVENT_REFUSED: return EventKind::refused;
        default: return EventKind::other;
    }
}

}  // namespace

std::vector<DeviceRecord> records_of(const doed_snapshot* snapshot) {
    std::vector<DeviceRecord> records;
    const doed_device* device = nullptr;
    doed_device_foreach(snapshot, device) {
        records.push_back(record_of(device));
    }
    return records;
}

std::vector<Feature> features_of(const doed_features* features) {
    std::vector<Feature> all;
    all.reserve(doed_features_count(features));
    for (std::size_t i = 0; i < doed_features_count(features); ++i) {
        all.push_back({doed_features_vendor_id(features, i), doed_features_object_type(features, i),
                       doed_features_name(features, i)});
    }
    return all;
}

CdatRecord record_of(const doed_cdat_status* status) {
    CdatRecord record;
    record.length_bytes = doed_cdat_status_length(status);
    record.revision = doed_cdat_status_revision(status);
    record.sequence = doed_cdat_status_sequence(status);
    record.checksum_valid = doed_cdat_status_checksum_valid(status);
    record.source = doed_cdat_status_source(status);
    for (std::size_t i = 0; i < doed_cdat_status_problem_count(status); ++i) {
        record.problems.emplace_back(doed_cdat_status_problem(status, i));
    }
    return record;
}

Event event_of(const doed_event& event) {
    Event made;
    made.kind = kind_of(event.type);
    made.name = doed_event_type_name(event.type);
    made.time_us = event.time_usec;
    made.lost = event.lost;
    made.address = event.address;
    made.offset = event.offset;
    made.vendor_id = event.vendor_id;
    made.device_id = event.device_id;
    made.object_type = event.object_type;
    made.class_code = event.class_code;
    made.cdat_sequence = event.cdat_sequence;
    made.from = event.from;
    made.to = event.to;
    made.owner = event.owner;
    made.error_name = event.name;
    made.text = event.text;
    return made;
}

}  // namespace doed::client
