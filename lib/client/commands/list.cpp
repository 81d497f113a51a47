// SPDX-License-Identifier: Apache-2.0
#include "client/commands/list.hpp"

#include "client/render_table.hpp"

namespace doed::client {

Outcome<CommandOutput> run(const ListOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    if (options.names) {
        return printed(render_names(*devices));
    }
    return printed(output.json ? json_of_devices(*devices, *output.json)
                               : render_device_list(*devices, output.legend, output.palette));
}

}  // namespace doed::client
