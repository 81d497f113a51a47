// SPDX-License-Identifier: Apache-2.0
#include "client/commands/release.hpp"

#include "client/device_selector.hpp"
#include "client/lent_command.hpp"

#include <cstdlib>
#include <utility>

namespace doed::client {

Outcome<CommandOutput> run(const ReleaseOptions& options, Service& service, const OutputOptions&) {
    const auto selector = DeviceSelector::parse(options.device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto selection = select_mailbox(*devices, *selector, "to release",
                                          [](const MailboxRecord&) { return true; });
    if (!selection) {
        return std::unexpected(selection.error());
    }
    auto lease = service.release(selection->mailbox->path);
    if (!lease) {
        return std::unexpected(lease.error().in("cannot release " + selection->name()));
    }
    ::setenv("DOED_MAILBOX", selection->name().c_str(), 1);
    const auto status = LentCommand::run(options.command, std::move(*lease));
    if (!status) {
        return std::unexpected(status.error());
    }
    CommandOutput output;
    output.exit_status = *status;
    return output;
}

}  // namespace doed::client
