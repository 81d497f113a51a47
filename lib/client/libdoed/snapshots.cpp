// SPDX-License-Identifier: Apache-2.0
//
// The functions of doed/doed.h that look at what was given out: snapshots, features, status, manager.
#include "client/libdoed/handles.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <doed/doed.h>

using doed::client::MailboxRecord;

namespace {

struct Counter {
    const char* name;
    std::uint64_t MailboxRecord::* member;
};

// By enum doed_counter.
constexpr Counter counters[] = {
    {"Exchanges", &MailboxRecord::exchanges},
    {"Aborts", &MailboxRecord::aborts},
    {"Timeouts", &MailboxRecord::timeouts},
    {"Errors", &MailboxRecord::errors},
    {"InterruptCompletions", &MailboxRecord::interrupt_completions},
    {"PollCompletions", &MailboxRecord::poll_completions},
    {"ConfigReads", &MailboxRecord::config_reads},
    {"ConfigWrites", &MailboxRecord::config_writes},
};

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_address(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, lower, lower);
}

const doed::client::Feature* feature_at(const doed_features* features, std::size_t index) noexcept {
    return features != nullptr && index < features->list.size() ? &features->list[index] : nullptr;
}

template <typename T>
T* at(std::deque<T>& all, std::size_t index) noexcept {
    return index < all.size() ? &all[index] : nullptr;
}

}  // namespace

// Nothing that is handed out as changeable can be changed: the types are opaque, and constness of handles would only be in
// the way of C.
#define MUTABLE(type, handle) (*const_cast<type*>(handle))

extern "C" {

doed_snapshot* doed_snapshot_ref(doed_snapshot* snapshot) {
    return doed::client::hold(snapshot);
}

doed_snapshot* doed_snapshot_unref(doed_snapshot* snapshot) {
    return doed::client::drop(snapshot);
}

doed_device* doed_device_first(const doed_snapshot* snapshot) {
    return snapshot != nullptr ? at(MUTABLE(doed_snapshot, snapshot).devices, 0) : nullptr;
}

doed_device* doed_device_next(const doed_device* device) {
    return device != nullptr
               ? at(MUTABLE(doed_snapshot, &device->snapshot).devices, device->index + 1)
               : nullptr;
}

doed_mailbox* doed_mailbox_first(const doed_device* device) {
    return device != nullptr ? at(MUTABLE(doed_device, device).mailboxes, 0) : nullptr;
}

doed_mailbox* doed_mailbox_next(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? at(mailbox->device.mailboxes, mailbox->index + 1) : nullptr;
}

doed_device* doed_snapshot_find_device(const doed_snapshot* snapshot, const char* address) {
    if (snapshot == nullptr || address == nullptr) {
        return nullptr;
    }
    constexpr std::string_view domain = "0000:";
    const std::string_view wanted = address;
    for (auto& device : MUTABLE(doed_snapshot, snapshot).devices) {
        const std::string_view known = device.record.address;
        if (same_address(known, wanted) ||
            (known.starts_with(domain) && same_address(known.substr(domain.size()), wanted))) {
            return &device;
        }
    }
    return nullptr;
}

doed_mailbox* doed_device_find_mailbox(const doed_device* device, uint16_t offset) {
    if (device == nullptr) {
        return nullptr;
    }
    auto& mailboxes = MUTABLE(doed_device, device).mailboxes;
    const auto found = std::ranges::find_if(
        mailboxes, [&](const doed_mailbox& mailbox) { return mailbox.record.offset == offset; });
    return found != mailboxes.end() ? &*found : nullptr;
}

const char* doed_device_path(const doed_device* device) {
    return device != nullptr ? device->record.path.c_str() : nullptr;
}

const char* doed_device_address(const doed_device* device) {
    return device != nullptr ? device->record.address.c_str() : nullptr;
}

uint16_t doed_device_vendor_id(const doed_device* device) {
    return device != nullptr ? device->record.vendor_id : uint16_t{0};
}

uint16_t doed_device_device_id(const doed_device* device) {
    return device != nullptr ? device->record.device_id : uint16_t{0};
}

uint16_t doed_device_subsystem_vendor_id(const doed_device* device) {
    return device != nullptr ? device->record.subsystem_vendor_id : uint16_t{0};
}

uint16_t doed_device_subsystem_id(const doed_device* device) {
    return device != nullptr ? device->record.subsystem_id : uint16_t{0};
}

uint32_t doed_device_class_code(const doed_device* device) {
    return device != nullptr ? device->record.class_code : uint32_t{0};
}

const char* doed_device_driver(const doed_device* device) {
    return device != nullptr ? device->record.driver.c_str() : nullptr;
}

int32_t doed_device_numa_node(const doed_device* device) {
    return device != nullptr ? device->record.numa_node : int32_t{0};
}

int32_t doed_device_iommu_group(const doed_device* device) {
    return device != nullptr ? device->record.iommu_group : int32_t{0};
}

const char* doed_mailbox_path(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.path.c_str() : nullptr;
}

doed_device* doed_mailbox_device(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? &mailbox->device : nullptr;
}

uint16_t doed_mailbox_offset(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.offset : uint16_t{0};
}

uint8_t doed_mailbox_capability_version(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.capability_version : uint8_t{0};
}

const char* doed_mailbox_state(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.state.c_str() : nullptr;
}

const char* doed_mailbox_owner(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.owner.c_str() : nullptr;
}

const char* doed_mailbox_owner_reason(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.owner_reason.c_str() : nullptr;
}

const char* doed_mailbox_backend(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.backend.c_str() : nullptr;
}

const char* doed_mailbox_completion(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.completion.c_str() : nullptr;
}

const char* doed_mailbox_last_error(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.last_error.c_str() : nullptr;
}

uint32_t doed_mailbox_queue_length(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->record.queue_length : uint32_t{0};
}

doed_features* doed_mailbox_features(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->features.get() : nullptr;
}

doed_cdat_status* doed_mailbox_cdat_status(const doed_mailbox* mailbox) {
    return mailbox != nullptr ? mailbox->cdat.get() : nullptr;
}

uint64_t doed_mailbox_counter(const doed_mailbox* mailbox, unsigned int counter) {
    return mailbox != nullptr && counter < std::size(counters)
               ? mailbox->record.*counters[counter].member
               : 0;
}

const char* doed_counter_name(unsigned int counter) {
    return counter < std::size(counters) ? counters[counter].name : nullptr;
}

size_t doed_features_count(const doed_features* features) {
    return features != nullptr ? features->list.size() : 0;
}

uint16_t doed_features_vendor_id(const doed_features* features, size_t index) {
    const auto* feature = feature_at(features, index);
    return feature != nullptr ? feature->vendor_id : uint16_t{0};
}

uint8_t doed_features_object_type(const doed_features* features, size_t index) {
    const auto* feature = feature_at(features, index);
    return feature != nullptr ? feature->object_type : uint8_t{0};
}

const char* doed_features_name(const doed_features* features, size_t index) {
    const auto* feature = feature_at(features, index);
    return feature != nullptr ? feature->name.c_str() : "";
}

doed_features* doed_features_ref(doed_features* features) {
    return doed::client::hold(features);
}

doed_features* doed_features_unref(doed_features* features) {
    return doed::client::drop(features);
}

const char* doed_manager_version(const doed_manager* manager) {
    return manager != nullptr ? manager->version.c_str() : nullptr;
}

const char* doed_manager_lockdown(const doed_manager* manager) {
    return manager != nullptr ? manager->lockdown.c_str() : nullptr;
}

doed_features* doed_manager_allowed_protocols(const doed_manager* manager) {
    return manager != nullptr ? manager->protocols.get() : nullptr;
}

doed_manager* doed_manager_ref(doed_manager* manager) {
    return doed::client::hold(manager);
}

doed_manager* doed_manager_unref(doed_manager* manager) {
    return doed::client::drop(manager);
}

uint32_t doed_cdat_status_length(const doed_cdat_status* status) {
    return status != nullptr ? status->record.length_bytes : uint32_t{0};
}

uint8_t doed_cdat_status_revision(const doed_cdat_status* status) {
    return status != nullptr ? status->record.revision : uint8_t{0};
}

uint32_t doed_cdat_status_sequence(const doed_cdat_status* status) {
    return status != nullptr ? status->record.sequence : uint32_t{0};
}

bool doed_cdat_status_checksum_valid(const doed_cdat_status* status) {
    return status != nullptr ? status->record.checksum_valid : false;
}

const char* doed_cdat_status_source(const doed_cdat_status* status) {
    return status != nullptr ? status->record.source.c_str() : nullptr;
}

size_t doed_cdat_status_problem_count(const doed_cdat_status* status) {
    return status != nullptr ? status->record.problems.size() : 0;
}

const char* doed_cdat_status_problem(const doed_cdat_status* status, size_t index) {
    return index < doed_cdat_status_problem_count(status) ? status->record.problems[index].c_str()
                                                          : nullptr;
}

doed_cdat_status* doed_cdat_status_ref(doed_cdat_status* status) {
    return doed::client::hold(status);
}

doed_cdat_status* doed_cdat_status_unref(doed_cdat_status* status) {
    return doed::client::drop(status);
}

}  // extern "C"
