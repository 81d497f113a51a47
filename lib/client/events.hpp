// SPDX-License-Identifier: Apache-2.0
//
// What happened to a device or mailbox, or to the stream of events itself, as plain values. Texts are as they came.
#pragma once

#include <cstdint>
#include <string>

namespace doed::client {

enum class EventKind : std::uint8_t {
    subscribed,  ///< the stream begins: a list asked for from now on and the events from now on fit together
    daemon_restarted,  ///< it begins anew: so do the events, and what was known is old
    daemon_gone,       ///< doed is not there; it is waited for
    refused,           ///< doed refuses the stream; it is asked again
    device_added,
    device_removed,
    mailbox_added,
    mailbox_removed,
    state,
    owner,
    cdat_changed,
    exchange_failed,
    driver_specific,
    present,  ///< nothing happened: this is how a mailbox is now
    lost,     ///< some events are missing before the next one
    other,    ///< of a kind that this program does not know
};

struct Event {
    EventKind kind = EventKind::other;
    std::string name;           ///< "state", "cdat-changed"
    std::uint64_t time_us = 0;  ///< since 1970, UTC
    std::uint64_t lost = 0;     ///< events before this one that came too fast
    std::string address;        ///< "0000:0d:00.0"; empty: about none
    std::uint16_t offset = 0;   ///< of the mailbox; 0: about none
    std::uint16_t vendor_id = 0;
    std::uint16_t device_id = 0;
    std::uint8_t object_type = 0;
    std::uint32_t class_code = 0;
    std::uint32_t cdat_sequence = 0;
    std::string from;
    std::string to;
    std::string owner;
    std::string error_name;  ///< of the D-Bus error; or what a driver calls it
    std::string text;        ///< for people

    /// "0000:0d:00.0/190", "0000:0d:00.0", or empty.
    [[nodiscard]] std::string subject() const;
};

}  // namespace doed::client
