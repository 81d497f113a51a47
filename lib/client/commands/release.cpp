// SPDX-License-Identifier: Apache-2.0
#include "client/commands/release.hpp"

#include "client/lent_command.hpp"

#include <cstdlib>
#include <utility>

namespace doed::client {

Outcome<CommandOutput> run(const ReleaseOptions& options, Service& service, const OutputOptions&) {
    const auto mailbox = find_mailbox(service, options.device, "to release");
    if (!mailbox) {
        return std::unexpected(mailbox.error());
    }
    auto lease = service.release(mailbox->path);
    if (!lease) {
        return std::unexpected(lease.error().in("cannot release " + mailbox->name));
    }
    ::setenv("DOED_MAILBOX", mailbox->name.c_str(), 1);
    const auto status = LentCommand::run(options.command, std::move(*lease));
    if (!status) {
        return std::unexpected(status.error());
    }
    CommandOutput output;
    output.exit_status = *status;
    return output;
}

}  // namespace doed::client
