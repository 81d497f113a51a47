// SPDX-License-Identifier: Apache-2.0
#include "client/commands/stats.hpp"

#include "client/render_metrics.hpp"
#include "client/render_stats.hpp"

namespace doed::client {

namespace {

/// All of them, or what the user named.
Outcome<std::vector<DeviceRecord>> devices_of(const StatsOptions& options, Service& service) {
    if (options.device.empty()) {
        return list_devices(service);
    }
    auto device = find_device(service, options.device);
    if (!device) {
        return std::unexpected(std::move(device).error());
    }
    return std::vector{std::move(*device)};
}

}  // namespace

Outcome<CommandOutput> run(const StatsOptions& options, Service& service,
                           const OutputOptions& output) {
    const auto devices = devices_of(options, service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    if (options.textfile) {
        return printed(render_metrics(*devices));
    }
    return printed(output.json ? json_of_stats(*devices, *output.json)
                               : render_stats(*devices, output.legend, output.palette));
}

}  // namespace doed::client
