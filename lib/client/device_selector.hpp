// SPDX-License-Identifier: Apache-2.0
//
// What a user writes to name a device or one of its mailboxes, [DOMAIN:]BUS:DEVICE.FUNCTION[/OFFSET], and what it stands for
// among the devices doed knows. As for lspci, no domain is domain 0: what a name stands for never depends on the host.
#pragma once

#include "client/failure.hpp"
#include "client/records.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace doed::client {

struct DeviceSelector {
    std::string address;                  ///< as doed writes it, with the domain: "0000:0d:00.0"
    std::optional<std::uint16_t> offset;  ///< of the DOE capability in config space

    /// Hexadecimal in either case; the offset with or without 0x. Failure: usage.
    [[nodiscard]] static Outcome<DeviceSelector> parse(std::string_view text);
};

/// Points into the devices it was selected from.
struct MailboxSelection {
    const DeviceRecord* device = nullptr;
    const MailboxRecord* mailbox = nullptr;

    [[nodiscard]] std::string name() const { return mailbox_name(*device, *mailbox); }
};

/// Failure: not_found, with the device meant in another domain if there is one.
[[nodiscard]] Outcome<const DeviceRecord*> select_device(std::span<const DeviceRecord> devices,
                                                         const DeviceSelector& selector);

/// The mailbox at the selector's offset. Failure: not_found, with the offsets there are.
[[nodiscard]] Outcome<MailboxSelection> select_at_offset(const DeviceRecord& device,
                                                         std::uint16_t offset);

/// The mailbox that is meant: the one at the offset, or else the only one that is `suitable`; the first condition does not
/// ask for the second. `purpose` completes "0000:0d:00.0 has 2 mailboxes ...". Failures: not_found; refused when the
/// device has none that is suitable; usage when the offset has to say which.
[[nodiscard]] Outcome<MailboxSelection> select_mailbox(
    std::span<const DeviceRecord> devices, const DeviceSelector& selector, std::string_view purpose,
    const std::function<bool(const MailboxRecord&)>& suitable);

}  // namespace doed::client
