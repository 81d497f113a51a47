// SPDX-License-Identifier: Apache-2.0
#include "client/records.hpp"

#include <fmt/format.h>

namespace doed::client {

std::string mailbox_name(const DeviceRecord& device, const MailboxRecord& mailbox) {
    return fmt::format("{}/{:x}", device.address, mailbox.offset);
}

std::string protocol_number(const Feature& feature) {
    return fmt::format("{:04x}:{:02x}", feature.vendor_id, feature.object_type);
}

}  // namespace doed::client
