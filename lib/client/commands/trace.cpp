// SPDX-License-Identifier: Apache-2.0
#include "client/commands/trace.hpp"

#include "client/device_selector.hpp"
#include "client/render_trace.hpp"
#include "client/trace_document.hpp"

namespace doed::client {

Outcome<CommandOutput> run(const TraceOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto selector = DeviceSelector::parse(options.device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto selection =
        select_mailbox(*devices, *selector, "to trace", [](const MailboxRecord&) { return true; });
    if (!selection) {
        return std::unexpected(selection.error());
    }
    const auto json = service.trace(selection->mailbox->path);
    if (!json) {
        return std::unexpected(json.error().in("cannot trace " + selection->name()));
    }
    if (output.json) {
        return printed(json_of_trace(*json, *output.json));
    }
    const auto document = TraceDocument::parse(*json);
    if (!document) {
        return std::unexpected(document.error());
    }
    return printed(render_trace(*document, output.legend));
}

}  // namespace doed::client
