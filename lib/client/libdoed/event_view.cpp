// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed/event_view.hpp"

#include "base/dbus_names.hpp"
#include "client/libdoed/errors.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <variant>

namespace doed::client {

namespace {

doed_event empty_event(std::uint32_t type) noexcept {
    doed_event event{};
    event.size = sizeof event;
    event.type = type;
    for (const char** text : {&event.address, &event.path, &event.from, &event.to, &event.owner,
                              &event.name, &event.text}) {
        *text = "";
    }
    return event;
}

std::string address_text(const base::EventAddress& address) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.%x", address.domain,
                  unsigned{address.bus}, unsigned{address.device}, unsigned{address.function});
    return text.data();
}

std::string object_path(std::string address, std::uint16_t mailbox_offset) {
    std::ranges::replace(address, ':', '_');
    std::ranges::replace(address, '.', '_');
    std::string path = names::device_path_prefix + address;
    if (mailbox_offset != 0) {
        std::array<char, 8> offset;
        std::snprintf(offset.data(), offset.size(), "%x", unsigned{mailbox_offset});
        path += std::string("/") + names::mailbox_node_prefix + offset.data();
    }
    return path;
}

/// Puts a body into the fields that it has. Texts stay the body's.
class Filler {
public:
    explicit Filler(doed_event& event) noexcept : event_(event) {}

    void operator()(const base::SubscribedEvent& body) const { event_.limit = body.queue_limit; }
    void operator()(const base::DeviceAddedEvent& body) const {
        event_.vendor_id = body.vendor_id;
        event_.device_id = body.device_id;
        event_.class_code = body.class_code;
    }
    void operator()(const base::DeviceRemovedEvent&) const {}
    void operator()(const base::MailboxAddedEvent& body) const {
        event_.capability_version = body.capability_version;
        event_.to = body.state.c_str();
        event_.owner = body.owner.c_str();
    }
    void operator()(const base::MailboxRemovedEvent&) const {}
    void operator()(const base::StateEvent& body) const {
        event_.from = body.from.c_str();
        event_.to = body.to.c_str();
    }
    void operator()(const base::OwnerEvent& body) const {
        event_.from = body.from.c_str();
        event_.to = body.to.c_str();
        event_.text = body.reason.c_str();
    }
    void operator()(const base::CdatChangedEvent& body) const {
        event_.cdat_sequence = body.sequence;
    }
    void operator()(const base::ExchangeFailedEvent& body) const {
        event_.vendor_id = body.vendor_id;
        event_.object_type = body.object_type;
        event_.name = body.error.c_str();
        event_.error = errno_of(body.error);
        event_.text = body.detail.c_str();
    }
    void operator()(const base::DriverSpecificEvent& body) const {
        event_.name = body.name.c_str();
        event_.text = body.text.c_str();
    }
    void operator()(const base::UnknownEvent&) const {}

private:
    doed_event& event_;
};

}  // namespace

EventView::EventView(const base::EventPacket& packet)
    : packet_(packet.event), event_(empty_event(static_cast<std::uint32_t>(packet.event.type()))) {
    event_.pending = packet.delivery.pending;
    event_.sequence = packet.delivery.sequence;
    event_.lost = packet.delivery.lost;
    event_.time_usec = packet_.time_us;
    event_.offset = packet_.mailbox_offset;
    if (packet_.address) {
        address_ = address_text(*packet_.address);
        path_ = object_path(address_, packet_.mailbox_offset);
        event_.address = address_.c_str();
        event_.path = path_.c_str();
    }
    std::visit(Filler(event_), packet_.body);
}

doed_event own_event(std::uint32_t type, int error, const std::string& name,
                     const std::string& text) noexcept {
    doed_event event = empty_event(type);
    event.error = error;
    event.name = name.c_str();
    event.text = text.c_str();
    return event;
}

}  // namespace doed::client
