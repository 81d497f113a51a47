// SPDX-License-Identifier: Apache-2.0
#include "client/commands/command.hpp"

#include "client/device_selector.hpp"

#include <utility>

namespace doed::client {

Outcome<CommandOutput> printed(Outcome<std::string> text) {
    if (!text) {
        return std::unexpected(std::move(text).error());
    }
    return CommandOutput{std::move(*text), std::nullopt, {}};
}

Outcome<std::vector<DeviceRecord>> list_devices(Service& service) {
    auto devices = service.devices();
    if (!devices) {
        return std::unexpected(devices.error().in("cannot list the devices"));
    }
    return devices;
}

Outcome<DeviceRecord> find_device(Service& service, std::string_view device) {
    const auto selector = DeviceSelector::parse(device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto found = select_device(*devices, *selector);
    if (!found) {
        return std::unexpected(found.error());
    }
    DeviceRecord record = **found;
    if (selector->offset) {
        const auto selection = select_at_offset(**found, *selector->offset);
        if (!selection) {
            return std::unexpected(selection.error());
        }
        record.mailboxes = {*selection->mailbox};
    }
    return record;
}

Outcome<NamedMailbox> find_mailbox(Service& service, std::string_view device,
                                   std::string_view purpose) {
    const auto selector = DeviceSelector::parse(device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto selection =
        select_mailbox(*devices, *selector, purpose, [](const MailboxRecord&) { return true; });
    if (!selection) {
        return std::unexpected(selection.error());
    }
    return NamedMailbox{selection->mailbox->path, selection->name()};
}

}  // namespace doed::client
