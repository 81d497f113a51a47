// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed/handles.hpp"

#include <span>
#include <variant>

using doed::client::Feature;
using doed::client::make_ref;

namespace {

template <typename T>
T value_of(const doed::client::PropertyMap& properties, std::string_view name) {
    const auto found = properties.find(name);
    const T* value = found != properties.end() ? std::get_if<T>(&found->second) : nullptr;
    return value != nullptr ? *value : T{};
}

}  // namespace

doed_manager::doed_manager(const doed::client::PropertyMap& properties)
    : version(value_of<std::string>(properties, "Version")),
      lockdown(value_of<std::string>(properties, "Lockdown")),
      protocols(
          make_ref<doed_features>(value_of<std::vector<Feature>>(properties, "AllowedProtocols"))) {
}

doed_mailbox::doed_mailbox(doed_device& parent, std::size_t number,
                           doed::client::MailboxRecord&& mailbox)
    : device(parent),
      index(number),
      record(std::move(mailbox)),
      features(make_ref<doed_features>(record.features)) {
    if (record.cdat) {
        cdat = make_ref<doed_cdat_status>(*record.cdat);
    }
}

doed_device::doed_device(const doed_snapshot& parent, std::size_t number,
                         doed::client::DeviceRecord&& device)
    : snapshot(parent), index(number), record(std::move(device)) {
    for (auto& mailbox : std::exchange(record.mailboxes, {})) {
        mailboxes.emplace_back(*this, mailboxes.size(), std::move(mailbox));
    }
}

doed_snapshot::doed_snapshot(std::vector<doed::client::DeviceRecord> records) {
    for (auto& device : records) {
        devices.emplace_back(*this, devices.size(), std::move(device));
    }
}

doed_cdat::doed_cdat(std::vector<std::uint8_t> bytes)
    : table(doed::cdat::Table::parse(std::move(bytes))), problems(table.all_problems()) {
    auto document = doed::cdat::decode(table);
    summary = doed::cdat::summarize(document);
    for (std::size_t i = 0; i < document.structures.size(); ++i) {
        const std::uint32_t at = table.structures()[i].offset_bytes;
        std::visit([&](auto& body) { take(std::move(body), at); }, document.structures[i].body);
    }
}
