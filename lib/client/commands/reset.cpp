// SPDX-License-Identifier: Apache-2.0
#include "client/commands/reset.hpp"

namespace doed::client {

Outcome<CommandOutput> run(const ResetOptions& options, Service& service, const OutputOptions&) {
    const auto mailbox = find_mailbox(service, options.device, "to reset");
    if (!mailbox) {
        return std::unexpected(mailbox.error());
    }
    if (const auto done = service.reset(mailbox->path); !done) {
        return std::unexpected(done.error().in("cannot reset " + mailbox->name));
    }
    return CommandOutput{};
}

}  // namespace doed::client
