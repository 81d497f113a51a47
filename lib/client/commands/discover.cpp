// SPDX-License-Identifier: Apache-2.0
#include "client/commands/discover.hpp"

#include "client/render_table.hpp"

namespace doed::client {

Outcome<CommandOutput> run(const DiscoverOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto mailbox = find_mailbox(service, options.device, "to discover");
    if (!mailbox) {
        return std::unexpected(mailbox.error());
    }
    const auto features = service.discover(mailbox->path);
    if (!features) {
        return std::unexpected(features.error().in("cannot discover " + mailbox->name));
    }
    return printed(output.json ? json_of_features(mailbox->name, *features, *output.json)
                               : render_features(*features, output.legend));
}

}  // namespace doed::client
