// SPDX-License-Identifier: Apache-2.0
//
// What a subscriber is told, and how it is written: one packet an event, over a SOCK_SEQPACKET socket that
// Manager.Subscribe gives out. The daemon encodes, clients parse. Numbers are little-endian on every host.
//
// Header, 48 bytes:
//   0   u16  type         EventType; 0 is none
//   2   u16  body size    at most 128, bytes
//   4   u32  pending      events that wait behind this one for the same subscriber
//   8   u64  sequence     of this subscription; `subscribed` is 0, each event the next number, lost ones included
//   16  u64  lost         events dropped between the packet before and this one, oldest first, because the queue was full
//   24  u64  time         microseconds since 1970 (UTC) at which it happened
//   32  u32  domain       of the function's PCI address
//   36  u8   bus
//   37  u8   device       0..31
//   38  u8   function     0..7
//   39  u8   flags        bit 0: an address is given; the others are 0
//   40  u16  mailbox      the DOE capability's offset; 0 where the event is about no mailbox
//   42  6 x  zero
// Body, by type; text is a u8 size and that many bytes of UTF-8 without NUL, free text being cut to fit:
//   1   subscribed        u16 version (1), u16 zero, u32 queue limit
//   2   device-added      u16 vendor id, u16 device id, u32 class code
//   3   device-removed    -
//   4   mailbox-added     u8 capability version, text state, text owner
//   5   mailbox-removed   -
//   6   state             text old, text new
//   7   owner             text old, text new, text reason
//   8   cdat-changed      u32 sequence of the table, 0 where its header cannot be read
//   9   exchange-failed   u16 vendor id, u8 object type, u8 zero, text D-Bus error name, text detail
//   10  driver-specific   text name, text for people
//
// How it grows: a reader skips types that it does not know, and bytes at the end of a body that it does not expect; what is
// zero above may come to mean something, and is not looked at. Another header would be another version, which a subscriber
// would have to ask for.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace doed::base {

inline constexpr std::uint16_t event_version = 1;
inline constexpr std::size_t event_header_size_bytes = 48;
inline constexpr std::size_t event_body_size_max_bytes = 128;
inline constexpr std::size_t event_size_max_bytes =
    event_header_size_bytes + event_body_size_max_bytes;
/// Of every text but reasons, details and notes.
inline constexpr std::size_t event_name_size_max_bytes = 39;

enum class EventType : std::uint16_t {
    subscribed = 1,  ///< the first packet: what happens from here on is told
    device_added,    ///< its object is on the bus; each of its mailboxes follows
    device_removed,  ///< its object is gone from the bus; each of its mailboxes went before
    mailbox_added,
    mailbox_removed,
    state,  ///< the State property
    owner,  ///< the Owner property, or its reason
    cdat_changed,
    exchange_failed,  ///< an exchange ended without a response
    driver_specific,  ///< what doed itself has to say of a device or mailbox
};

/// "subscribed", "device-added", ...; empty for a type that is not known here.
[[nodiscard]] std::string_view to_string(EventType type) noexcept;

/// A PCI function.
struct EventAddress {
    std::uint32_t domain = 0;
    std::uint8_t bus = 0;
    std::uint8_t device = 0;    ///< 0..31
    std::uint8_t function = 0;  ///< 0..7

    friend bool operator==(const EventAddress&, const EventAddress&) = default;
};

// The bodies. Texts that are too long are cut when they are encoded.

struct SubscribedEvent {
    std::uint16_t version = event_version;
    std::uint32_t queue_limit = 0;  ///< events that wait before the oldest is dropped

    friend bool operator==(const SubscribedEvent&, const SubscribedEvent&) = default;
};

struct DeviceAddedEvent {
    std::uint16_t vendor_id = 0;
    std::uint16_t device_id = 0;
    std::uint32_t class_code = 0;

    friend bool operator==(const DeviceAddedEvent&, const DeviceAddedEvent&) = default;
};

struct DeviceRemovedEvent {
    friend bool operator==(const DeviceRemovedEvent&, const DeviceRemovedEvent&) = default;
};

struct MailboxAddedEvent {
    std::uint8_t capability_version = 0;
    std::string state;  ///< as the State property
    std::string owner;  ///< as the Owner property

    friend bool operator==(const MailboxAddedEvent&, const MailboxAddedEvent&) = default;
};

struct MailboxRemovedEvent {
    friend bool operator==(const MailboxRemovedEvent&, const MailboxRemovedEvent&) = default;
};

struct StateEvent {
    std::string from;
    std::string to;

    friend bool operator==(const StateEvent&, const StateEvent&) = default;
};

struct OwnerEvent {
    std::string from;
    std::string to;      ///< the same as `from` where only the reason is another
    std::string reason;  ///< of the new one, as the OwnerReason property

    friend bool operator==(const OwnerEvent&, const OwnerEvent&) = default;
};

struct CdatChangedEvent {
    std::uint32_t sequence = 0;  ///< as the signal Cdat.Changed has it

    friend bool operator==(const CdatChangedEvent&, const CdatChangedEvent&) = default;
};

struct ExchangeFailedEvent {
    std::uint16_t vendor_id = 0;
    std::uint8_t object_type = 0;
    std::string error;   ///< "org.doed1.Error.Timeout": what a caller of such an exchange gets
    std::string detail;  ///< for people

    friend bool operator==(const ExchangeFailedEvent&, const ExchangeFailedEvent&) = default;
};

struct DriverSpecificEvent {
    std::string name;  ///< for programs: "polling"
    std::string text;  ///< for people

    friend bool operator==(const DriverSpecificEvent&, const DriverSpecificEvent&) = default;
};

/// Of a type that is not known here.
struct UnknownEvent {
    EventType type = EventType{0xFFFF};  ///< that none has
    std::vector<std::uint8_t> body;      ///< at most 128 bytes

    friend bool operator==(const UnknownEvent&, const UnknownEvent&) = default;
};

using EventBody =
    std::variant<SubscribedEvent, DeviceAddedEvent, DeviceRemovedEvent, MailboxAddedEvent,
                 MailboxRemovedEvent, StateEvent, OwnerEvent, CdatChangedEvent, ExchangeFailedEvent,
                 DriverSpecificEvent, UnknownEvent>;

struct Event {
    std::uint64_t time_us = 0;  ///< microseconds since 1970 (UTC)
    std::optional<EventAddress> address;
    std::uint16_t mailbox_offset = 0;  ///< 0x100..0xFFC, or 0 for none
    EventBody body;

    [[nodiscard]] EventType type() const noexcept;

    friend bool operator==(const Event&, const Event&) = default;
};

/// What is a subscriber's own about a packet.
struct EventDelivery {
    std::uint64_t sequence = 0;
    std::uint64_t lost = 0;
    std::uint32_t pending = 0;

    friend bool operator==(const EventDelivery&, const EventDelivery&) = default;
};

struct EventPacket {
    EventDelivery delivery;
    Event event;

    friend bool operator==(const EventPacket&, const EventPacket&) = default;
};

/// A packet of at most event_size_max_bytes; bytes of texts that are no UTF-8 become question marks. With an empty EventDelivery.
[[nodiscard]] std::vector<std::uint8_t> encode(const Event& event);
/// Writes `delivery` into a packet that encode() made.
void stamp(std::span<std::uint8_t> packet, const EventDelivery& delivery) noexcept;

/// One packet, whole. Error: malformed, for one that no doed writes; its context says what is wrong.
[[nodiscard]] base::Result<EventPacket> parse_event(std::span<const std::uint8_t> packet);

}  // namespace doed::base
