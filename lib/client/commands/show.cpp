// SPDX-License-Identifier: Apache-2.0
#include "client/commands/show.hpp"

#include "client/render_table.hpp"

namespace doed::client {

Outcome<CommandOutput> run(const ShowOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto device = find_device(service, options.device);
    if (!device) {
        return std::unexpected(device.error());
    }
    return printed(output.json ? json_of_device(*device, *output.json)
                               : render_device(*device, output.palette));
}

}  // namespace doed::client
