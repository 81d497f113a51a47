// SPDX-License-Identifier: Apache-2.0
#include "client/commands/show.hpp"

#include "client/device_selector.hpp"
#include "client/render_table.hpp"

namespace doed::client {

namespace {

/// The device with all of its mailboxes, or with the one that the selector names.
Outcome<DeviceRecord> find(const std::vector<DeviceRecord>& devices,
                           const DeviceSelector& selector) {
    const auto found = select_device(devices, selector);
    if (!found) {
        return std::unexpected(found.error());
    }
    DeviceRecord device = **found;
    if (selector.offset) {
        const auto selection = select_at_offset(**found, *selector.offset);
        if (!selection) {
            return std::unexpected(selection.error());
        }
        device.mailboxes = {*selection->mailbox};
    }
    return device;
}

}  // namespace

Outcome<CommandOutput> run(const ShowOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto selector = DeviceSelector::parse(options.device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto device = find(*devices, *selector);
    if (!device) {
        return std::unexpected(device.error());
    }
    return printed(output.json ? json_of_device(*device, *output.json) : render_device(*device));
}

}  // namespace doed::client
