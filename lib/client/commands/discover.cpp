// SPDX-License-Identifier: Apache-2.0
#include "client/commands/discover.hpp"

#include "client/device_selector.hpp"
#include "client/render_table.hpp"

namespace doed::client {

Outcome<CommandOutput> run(const DiscoverOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto selector = DeviceSelector::parse(options.device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto selection = select_mailbox(*devices, *selector, "to discover",
                                          [](const MailboxRecord&) { return true; });
    if (!selection) {
        return std::unexpected(selection.error());
    }
    const auto features = service.discover(selection->mailbox->path);
    if (!features) {
        return std::unexpected(features.error().in("cannot discover " + selection->name()));
    }
    return printed(output.json ? json_of_features(selection->name(), *features, *output.json)
                               : render_features(*features, output.legend));
}

}  // namespace doed::client
