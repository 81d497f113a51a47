// SPDX-License-Identifier: Apache-2.0
//
// The two generations of sdbus-c++ (1.2 and 2.x) behind one set of functions. The only file that
// knows which one it is. They are told apart by a header that only the second has; neither defines
// a version macro.
#pragma once

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<sdbus-c++/VTableItems.h>)
#define DOED_SDBUS_GENERATION 2
#else
#define DOED_SDBUS_GENERATION 1
#endif

#if DOED_SDBUS_GENERATION == 1
#include <systemd/sd-bus.h>
#endif

namespace doed::bus {

#if DOED_SDBUS_GENERATION == 2
/// An `ay` of a reply; put into its message in one piece.
using ByteArray = std::vector<std::uint8_t>;
#else
/// An `ay` of a reply; put into its message in one piece. The library's own way with vectors is to append byte by byte, which
/// takes a millisecond for 64 KiB.
class ByteArray : public std::vector<std::uint8_t> {
public:
    using vector::vector;
};

inline sdbus::Message& operator<<(sdbus::Message& message, const ByteArray& bytes) {
    // Protected in the library, which has no other way to its own library's message.
    struct Access : sdbus::Message {
        static void* of(const sdbus::Message& wrapped) { return wrapped.*(&Access::msg_); }
    };
    const int result =
        ::sd_bus_message_append_array(static_cast<sd_bus_message*>(Access::of(message)),
                                      SD_BUS_TYPE_BYTE, bytes.data(), bytes.size());
    if (result < 0) {
        throw sdbus::createError(-result, "Failed to append an array of bytes");
    }
    return message;
}
#endif

/// What the connection wants to be woken by.
struct PollRequest {
    int fd = -1;
    short events = 0;  ///< POLLIN, POLLOUT
    int wake_fd = -1;  ///< readable when the connection was used outside the pump; -1: none
    bool at_once = false;
    std::optional<std::chrono::steady_clock::time_point> deadline;
};

/// Handles one message or timeout; false when nothing was left to do. Throws sdbus::Error when the
/// connection is lost.
inline bool process_one(sdbus::IConnection& connection) {
#if DOED_SDBUS_GENERATION == 2
    return connection.processPendingEvent();
#else
    return connection.processPendingRequest();
#endif
}

inline PollRequest poll_request(const sdbus::IConnection& connection) {
    const auto data = connection.getEventLoopPollData();
    PollRequest request;
    request.fd = data.fd;
    request.events = data.events;
#if DOED_SDBUS_GENERATION == 2
    request.wake_fd = data.eventFd;
    const std::chrono::microseconds timeout = data.timeout;
    const bool endless = timeout == std::chrono::microseconds::max();
#else
    const bool endless = data.timeout_usec == UINT64_MAX;
    const std::chrono::microseconds timeout(endless ? 0
                                                    : static_cast<std::int64_t>(data.timeout_usec));
#endif
    request.at_once = !endless && timeout.count() == 0;
    if (!endless && !request.at_once) {
        // CLOCK_MONOTONIC, as is steady_clock.
        request.deadline = std::chrono::steady_clock::time_point(timeout);
    }
    return request;
}

inline sdbus::Error make_error(const std::string& name, const std::string& message) {
#if DOED_SDBUS_GENERATION == 2
    return sdbus::Error(sdbus::Error::Name{name}, message);
#else
    return sdbus::Error(name, message);
#endif
}

/// A round trip to the bus daemon: at start-up only.
inline void request_name(sdbus::IConnection& connection, const std::string& name) {
#if DOED_SDBUS_GENERATION == 2
    connection.requestName(sdbus::ServiceName{name});
#else
    connection.requestName(name);
#endif
}

inline void emit_properties_changed(sdbus::IObject& object, const std::string& interface,
                                    const std::vector<std::string>& properties) {
#if DOED_SDBUS_GENERATION == 2
    std::vector<sdbus::PropertyName> names;
    for (const auto& property : properties) {
        names.emplace_back(property);
    }
    object.emitPropertiesChangedSignal(sdbus::InterfaceName{interface}, names);
#else
    object.emitPropertiesChangedSignal(interface, properties);
#endif
}

inline void emit_interfaces_added(sdbus::IObject& object, const std::string& interface) {
#if DOED_SDBUS_GENERATION == 2
    object.emitInterfacesAddedSignal({sdbus::InterfaceName{interface}});
#else
    object.emitInterfacesAddedSignal({interface});
#endif
}
inline void emit_interfaces_removed(sdbus::IObject& object, const std::string& interface) {
#if DOED_SDBUS_GENERATION == 2
    object.emitInterfacesRemovedSignal({sdbus::InterfaceName{interface}});
#else
    object.emitInterfacesRemovedSignal({interface});
#endif
}

/// The type of what the variant contains that is to be read next.
inline std::string peek_variant(const sdbus::Message& message) {
#if DOED_SDBUS_GENERATION == 2
    const char* const contents = message.peekType().second;
    return contents == nullptr ? std::string() : std::string(contents);
#else
    std::string type;
    std::string contents;
    message.peekType(type, contents);
    return contents;
#endif
}

/// The unique name of whoever made the call that is being handled. Inside a method handler only.
inline std::string current_sender(sdbus::IObject& object) {
#if DOED_SDBUS_GENERATION == 2
    const char* const sender = object.getCurrentlyProcessedMessage().getSender();
    return sender == nullptr ? std::string() : std::string(sender);
#else
    const sdbus::Message* const message = object.getCurrentlyProcessedMessage();
    return message == nullptr ? std::string() : message->getSender();
#endif
}

/// Calls `handler` with every signal that the match rule describes, until the slot is dropped. A round trip to the bus
/// daemon: at start-up only.
template <typename Handler>
[[nodiscard]] sdbus::Slot add_match(sdbus::IConnection& connection, const std::string& rule,
                                    Handler handler) {
    auto forward = [handler = std::move(handler)](auto&& message) { handler(message); };
#if DOED_SDBUS_GENERATION == 2
    return connection.addMatch(rule, std::move(forward), sdbus::return_slot);
#else
    return connection.addMatch(rule, std::move(forward));
#endif
}

/// Somebody else on the bus, spoken to over a connection that we drive. Asks the bus nothing.
inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& connection,
                                                 const std::string& service,
                                                 const std::string& path) {
#if DOED_SDBUS_GENERATION == 2
    return sdbus::createProxy(connection, sdbus::ServiceName{service}, sdbus::ObjectPath{path});
#else
    return sdbus::createProxy(connection, service, path);
#endif
}

/// What takes the reply to an asynchronous call: `answered(const sdbus::Error*, const Values&...)`, later, unless the proxy is
/// dropped before. The values count only without an error.
template <typename... Values, typename Answered>
auto reply_handler(Answered answered) {
#if DOED_SDBUS_GENERATION == 2
    // By value: the library knows the callback's kind by that.
    return [answered = std::move(answered)](std::optional<sdbus::Error> error, Values... values) {
        answered(error ? &*error : nullptr, values...);
    };
#else
    return [answered = std::move(answered)](const sdbus::Error* error, Values... values) {
        answered(error, values...);
    };
#endif
}

}  // namespace doed::bus

#if DOED_SDBUS_GENERATION == 1
template <>
struct sdbus::signature_of<doed::bus::ByteArray> : sdbus::signature_of<std::vector<std::uint8_t>> {
};
#endif
