// SPDX-License-Identifier: Apache-2.0
#include "base/event.hpp"

#include "base/assert.hpp"
#include "base/byte_cursor.hpp"
#include "base/utf8.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

namespace doed::base {

namespace {

constexpr std::size_t pending_at = 4;
constexpr std::size_t sequence_at = 8;
constexpr std::size_t lost_at = 16;
constexpr std::uint8_t address_flag = 1;
constexpr std::size_t header_end_zero_bytes = 6;
constexpr std::uint16_t mailbox_offset_min = 0x100;
constexpr std::uint16_t mailbox_offset_max = 0xFFC;

constexpr std::array<std::string_view, 11> type_names = {
    "",      "subscribed", "device-added", "device-removed",  "mailbox-added",  "mailbox-removed",
    "state", "owner",      "cdat-changed", "exchange-failed", "driver-specific"};
static_assert(std::variant_size_v<EventBody> == type_names.size(),
              "each type has a name and a body, in the same order");

std::unexpected<Error> malformed(const char* what) {
    return fail(Errc::malformed, what);
}

// --- Writing ---------------------------------------------------------------------------------------------------------------

/// What a text of the kernel's or a library's has that is no UTF-8 becomes question marks.
std::string as_utf8(std::string_view text) {
    std::string mended(text);
    for (std::size_t at = 0; at < mended.size();) {
        const std::size_t size = first_code_point(text.substr(at)).size_bytes;
        if (size == 0) {
            mended[at] = '?';
        }
        at += std::max<std::size_t>(size, 1);
    }
    return mended;
}

class BodyWriter {
public:
    template <std::unsigned_integral T>
    BodyWriter& write(T value) {
        writer_.write(value);
        return *this;
    }
    BodyWriter& name(std::string_view text) { return write(text, event_name_size_max_bytes); }
    /// The last one of a body: it takes what is left.
    BodyWriter& text(std::string_view text) {
        return write(text, event_body_size_max_bytes - writer_.bytes().size() - 1);
    }
    [[nodiscard]] std::vector<std::uint8_t> take() { return writer_.take(); }

private:
    BodyWriter& write(std::string_view given, std::size_t size_max) {
        const std::string mended = as_utf8(given.substr(0, given.find('\0')));
        std::string_view text = mended;
        if (text.size() > size_max) {
            // Not in the middle of a character.
            std::size_t end = size_max;
            while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0U) == 0x80U) {
                --end;
            }
            text = text.substr(0, end);
        }
        writer_.write(static_cast<std::uint8_t>(text.size()))
            .append({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
        return *this;
    }

    ByteWriter writer_;
};

std::vector<std::uint8_t> encode_body(const EventBody& body) {
    BodyWriter writer;
    if (const auto* const subscribed = std::get_if<SubscribedEvent>(&body)) {
        writer.write(subscribed->version).write(std::uint16_t{0}).write(subscribed->queue_limit);
    } else if (const auto* const device = std::get_if<DeviceAddedEvent>(&body)) {
        writer.write(device->vendor_id).write(device->device_id).write(device->class_code);
    } else if (const auto* const mailbox = std::get_if<MailboxAddedEvent>(&body)) {
        writer.write(mailbox->capability_version).name(mailbox->state).name(mailbox->owner);
    } else if (const auto* const state = std::get_if<StateEvent>(&body)) {
        writer.name(state->from).name(state->to);
    } else if (const auto* const owner = std::get_if<OwnerEvent>(&body)) {
        writer.name(owner->from).name(owner->to).text(owner->reason);
    } else if (const auto* const cdat = std::get_if<CdatChangedEvent>(&body)) {
        writer.write(cdat->sequence);
    } else if (const auto* const failed = std::get_if<ExchangeFailedEvent>(&body)) {
        writer.write(failed->vendor_id)
            .write(failed->object_type)
            .write(std::uint8_t{0})
            .name(failed->error)
            .text(failed->detail);
    } else if (const auto* const note = std::get_if<DriverSpecificEvent>(&body)) {
        writer.name(note->name).text(note->text);
    } else if (const auto* const unknown = std::get_if<UnknownEvent>(&body)) {
        return unknown->body;
    }
    return writer.take();
}

// --- Reading ---------------------------------------------------------------------------------------------------------------

std::string read_text(ByteReader& reader) {
    const auto bytes = reader.take(reader.read<std::uint8_t>());
    return {bytes.begin(), bytes.end()};
}

/// The reader is bad when the body is too short. What stands behind the last field is left unread.
EventBody parse_body(EventType type, ByteReader& reader) {
    switch (type) {
        case EventType::subscribed: {
            SubscribedEvent subscribed;
            subscribed.version = reader.read<std::uint16_t>();
            reader.skip(sizeof(std::uint16_t));
            subscribed.queue_limit = reader.read<std::uint32_t>();
            return subscribed;
        }
        case EventType::device_added: {
            DeviceAddedEvent device;
            device.vendor_id = reader.read<std::uint16_t>();
            device.device_id = reader.read<std::uint16_t>();
            device.class_code = reader.read<std::uint32_t>();
            return device;
        }
        case EventType::device_removed: return DeviceRemovedEvent{};
        case EventType::mailbox_added: {
            MailboxAddedEvent mailbox;
            mailbox.capability_version = reader.read<std::uint8_t>();
            mailbox.state = read_text(reader);
            mailbox.owner = read_text(reader);
            return mailbox;
        }
        case EventType::mailbox_removed: return MailboxRemovedEvent{};
        case EventType::state: {
            StateEvent state;
            state.from = read_text(reader);
            state.to = read_text(reader);
            return state;
        }
        case EventType::owner: {
            OwnerEvent owner;
            owner.from = read_text(reader);
            owner.to = read_text(reader);
            owner.reason = read_text(reader);
            return owner;
        }
        case EventType::cdat_changed: {
            CdatChangedEvent cdat;
            cdat.sequence = reader.read<std::uint32_t>();
            return cdat;
        }
        case EventType::exchange_failed: {
            ExchangeFailedEvent failed;
            failed.vendor_id = reader.read<std::uint16_t>();
            failed.object_type = reader.read<std::uint8_t>();
            reader.skip(sizeof(std::uint8_t));
            failed.error = read_text(reader);
            failed.detail = read_text(reader);
            return failed;
        }
        case EventType::driver_specific: {
            DriverSpecificEvent note;
            note.name = read_text(reader);
            note.text = read_text(reader);
            return note;
        }
    }
    const auto rest = reader.take(reader.remaining());
    return UnknownEvent{.type = type, .body = {rest.begin(), rest.end()}};
}

bool is_text(const std::string& text) {
    return !text.contains('\0') && is_utf8(text);
}

/// Whether what is to be text is text.
bool has_texts(const EventBody& body) {
    return std::visit(
        [](const auto& is) {
            using Body = std::remove_cvref_t<decltype(is)>;
            if constexpr (std::is_same_v<Body, MailboxAddedEvent>) {
                return is_text(is.state) && is_text(is.owner);
            } else if constexpr (std::is_same_v<Body, StateEvent>) {
                return is_text(is.from) && is_text(is.to);
            } else if constexpr (std::is_same_v<Body, OwnerEvent>) {
                return is_text(is.from) && is_text(is.to) && is_text(is.reason);
            } else if constexpr (std::is_same_v<Body, ExchangeFailedEvent>) {
                return is_text(is.error) && is_text(is.detail);
            } else if constexpr (std::is_same_v<Body, DriverSpecificEvent>) {
                return is_text(is.name) && is_text(is.text);
            } else {
                return true;
            }
        },
        body);
}

/// What an event of a type is about.
enum class About : std::uint8_t { nothing, device, mailbox, either, unknown };

About about(EventType type) {
    switch (type) {
        case EventType::subscribed: return About::nothing;
        case EventType::device_added:
        case EventType::device_removed: return About::device;
        case EventType::mailbox_added:
        case EventType::mailbox_removed:
        case EventType::state:
        case EventType::owner:
        case EventType::cdat_changed:
        case EventType::exchange_failed: return About::mailbox;
        case EventType::driver_specific: return About::either;
    }
    return About::unknown;
}

bool is_about_what_it_should(const Event& event) {
    const bool mailbox = event.mailbox_offset != 0;
    switch (about(event.type())) {
        case About::nothing: return !event.address && !mailbox;
        case About::device: return event.address && !mailbox;
        case About::mailbox: return event.address && mailbox;
        case About::either: return event.address.has_value();
        case About::unknown: return event.address || !mailbox;
    }
    return false;
}

bool is_mailbox_offset(std::uint16_t offset) {
    return offset >= mailbox_offset_min && offset <= mailbox_offset_max && offset % 4 == 0;
}

template <std::unsigned_integral T>
void write_at(std::span<std::uint8_t> packet, std::size_t at, T value) noexcept {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        packet[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

}  // namespace

std::string_view to_string(EventType type) noexcept {
    const auto number = static_cast<std::size_t>(type);
    return number < type_names.size() ? type_names[number] : std::string_view();
}

EventType Event::type() const noexcept {
    if (const auto* const unknown = std::get_if<UnknownEvent>(&body)) {
        return unknown->type;
    }
    return static_cast<EventType>(body.index() + 1);
}

std::vector<std::uint8_t> encode(const Event& event) {
    const auto body = encode_body(event.body);
    DOED_ASSERT(body.size() <= event_body_size_max_bytes);
    const auto address = event.address.value_or(EventAddress());
    ByteWriter writer;
    writer.write(static_cast<std::uint16_t>(event.type()))
        .write(static_cast<std::uint16_t>(body.size()))
        .write(std::uint32_t{0})
        .write(std::uint64_t{0})
        .write(std::uint64_t{0})
        .write(event.time_us)
        .write(address.domain)
        .write(address.bus)
        .write(address.device)
        .write(address.function)
        .write(event.address ? address_flag : std::uint8_t{0})
        .write(event.mailbox_offset)
        .append(std::array<std::uint8_t, header_end_zero_bytes>{})
        .append(body);
    return writer.take();
}

void stamp(std::span<std::uint8_t> packet, const EventDelivery& delivery) noexcept {
    DOED_ASSERT(packet.size() >= event_header_size_bytes);
    write_at(packet, pending_at, delivery.pending);
    write_at(packet, sequence_at, delivery.sequence);
    write_at(packet, lost_at, delivery.lost);
}

Result<EventPacket> parse_event(std::span<const std::uint8_t> packet) {
    ByteReader reader(packet);
    EventPacket parsed;
    Event& event = parsed.event;
    const auto type = reader.read<std::uint16_t>();
    const auto body_size = reader.read<std::uint16_t>();
    parsed.delivery.pending = reader.read<std::uint32_t>();
    parsed.delivery.sequence = reader.read<std::uint64_t>();
    parsed.delivery.lost = reader.read<std::uint64_t>();
    event.time_us = reader.read<std::uint64_t>();
    EventAddress address;
    address.domain = reader.read<std::uint32_t>();
    address.bus = reader.read<std::uint8_t>();
    address.device = reader.read<std::uint8_t>();
    address.function = reader.read<std::uint8_t>();
    const auto flags = reader.read<std::uint8_t>();
    event.mailbox_offset = reader.read<std::uint16_t>();
    reader.skip(header_end_zero_bytes);
    if (!reader.ok()) {
        return malformed("an event has a header of 48 bytes");
    }
    if (type == 0) {
        return malformed("there is no event of type 0");
    }
    if (body_size > event_body_size_max_bytes || body_size != reader.remaining()) {
        return malformed("an event has another length than it says");
    }
    if (parsed.delivery.lost > parsed.delivery.sequence) {
        return malformed("more events are lost than there were");
    }
    if ((flags & address_flag) != 0) {
        if (address.device > 31 || address.function > 7) {
            return malformed("there is no such PCI address");
        }
        event.address = address;
    }
    if (event.mailbox_offset != 0 && !is_mailbox_offset(event.mailbox_offset)) {
        return malformed("there is no such mailbox offset");
    }
    event.body = parse_body(static_cast<EventType>(type), reader);
    if (!reader.ok()) {
        return malformed("the body of an event is cut off");
    }
    if (!has_texts(event.body)) {
        return malformed("a text has a NUL or is no UTF-8");
    }
    if (!is_about_what_it_should(event)) {
        return malformed("an event is about another thing than its type says");
    }
    return parsed;
}

}  // namespace doed::base
