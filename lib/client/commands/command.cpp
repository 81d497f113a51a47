// SPDX-License-Identifier: Apache-2.0
#include "client/commands/command.hpp"

#include <utility>

namespace doed::client {

Outcome<CommandOutput> printed(Outcome<std::string> text) {
    if (!text) {
        return std::unexpected(std::move(text).error());
    }
    return CommandOutput{std::move(*text), std::nullopt, {}};
}

Outcome<std::vector<DeviceRecord>> list_devices(Service& service) {
    auto devices = service.devices();
    if (!devices) {
        return std::unexpected(devices.error().in("cannot list the devices"));
    }
    return devices;
}

}  // namespace doed::client
