// SPDX-License-Identifier: Apache-2.0
#include "client/records.hpp"

#include "base/dbus_names.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace doed::client {

std::string mailbox_name(const DeviceRecord& device, const MailboxRecord& mailbox) {
    return fmt::format("{}/{:x}", device.address, mailbox.offset);
}

std::string mailbox_name_of_path(std::string_view path) {
    // "0000_0d_00_0/mailbox_190"
    const std::string_view prefix = names::device_path_prefix;
    const auto words = path.starts_with(prefix) ? path.substr(prefix.size()) : std::string_view();
    const auto slash = words.find('/');
    const auto node = words.substr(slash == std::string_view::npos ? words.size() : slash + 1);
    const auto dot = words.substr(0, slash).rfind('_');
    if (!node.starts_with(names::mailbox_node_prefix) || dot == std::string_view::npos) {
        return std::string(path);
    }
    std::string address(words.substr(0, slash));
    std::ranges::replace(address, '_', ':');
    address[dot] = '.';
    return address.append("/").append(
        node.substr(std::string_view(names::mailbox_node_prefix).size()));
}

std::string protocol_number(const Feature& feature) {
    return fmt::format("{:04x}:{:02x}", feature.vendor_id, feature.object_type);
}

}  // namespace doed::client
