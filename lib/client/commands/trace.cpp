// SPDX-License-Identifier: Apache-2.0
#include "client/commands/trace.hpp"

#include "client/render_trace.hpp"
#include "client/trace_document.hpp"

namespace doed::client {

Outcome<CommandOutput> run(const TraceOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto mailbox = find_mailbox(service, options.device, "to trace");
    if (!mailbox) {
        return std::unexpected(mailbox.error());
    }
    const auto json = service.trace(mailbox->path);
    if (!json) {
        return std::unexpected(json.error().in("cannot trace " + mailbox->name));
    }
    if (output.json) {
        return printed(json_of_trace(*json, *output.json));
    }
    const auto document = TraceDocument::parse(*json);
    if (!document) {
        return std::unexpected(document.error());
    }
    return printed(render_trace(*document, output.legend, output.palette));
}

}  // namespace doed::client
