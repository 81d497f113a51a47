// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/paths.hpp"

#include "base/dbus_names.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace doed::bus {

std::string device_path(const pci::Address& address) {
    std::string node = address.to_string();
    std::ranges::replace_if(node, [](char c) { return c == ':' || c == '.'; }, '_');
    return names::device_path_prefix + node;
}

std::string mailbox_path(const pci::Address& address, std::uint16_t capability_offset) {
    return fmt::format("{}/{}{:x}", device_path(address), names::mailbox_node_prefix,
                       capability_offset);
}

}  // namespace doed::bus
