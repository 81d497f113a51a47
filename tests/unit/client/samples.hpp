// SPDX-License-Identifier: Apache-2.0
//
// What doed might tell about a host: a memory device with a CDAT, a device with two mailboxes and no CDAT, and one in
// another domain whose two mailboxes both have a CDAT.
#pragma once

#include "client/records.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace doed::client::samples {

[[nodiscard]] Feature discovery();
[[nodiscard]] Feature table_access();
/// A protocol without a name.
[[nodiscard]] Feature vendor_protocol();

/// 0000:0d:00.0 with its mailbox at 190
[[nodiscard]] DeviceRecord memory_device();
/// 0000:0e:00.0 with mailboxes at 190 and 1a0; the second is dead, and its texts are hostile
[[nodiscard]] DeviceRecord two_mailboxes();
/// 10000:01:00.0 with mailboxes at 100 and 200
[[nodiscard]] DeviceRecord far_device();
[[nodiscard]] std::vector<DeviceRecord> host();

/// A sound table of one DSMAS structure with handle 7; 40 bytes.
[[nodiscard]] std::vector<std::uint8_t> sound_table();
/// A DSMAS structure that is too short, one of an unknown type, and bytes that are no structure; the checksum is wrong.
[[nodiscard]] std::vector<std::uint8_t> bad_table();

/// What GetTrace returns: the abort of a claim, and an exchange that was not answered.
[[nodiscard]] std::string trace();

}  // namespace doed::client::samples
