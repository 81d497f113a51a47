// SPDX-License-Identifier: Apache-2.0
#include "client/libdoed/messages.hpp"

#include "base/dbus_names.hpp"
#include "client/libdoed/errors.hpp"
#include "client/libdoed/sd_bus_owners.hpp"
#include "client/libdoed/wakeups.hpp"
#include "client/message_reader.hpp"
#include "client/object_decoder.hpp"
#include "client/sealed_file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>

namespace doed::client {

namespace {

constexpr char object_manager_interface[] = "org.freedesktop.DBus.ObjectManager";
constexpr char properties_interface[] = "org.freedesktop.DBus.Properties";

struct Method {
    const char* interface;
    const char* member;
    const char* properties_of;  ///< the argument of Properties.GetAll
    const char* answer;         ///< signature
    bool takes_refresh;
};

Method method_of(Operation operation) noexcept {
    switch (operation) {
        case Operation::snapshot:
            return {object_manager_interface, "GetManagedObjects", nullptr, "a{oa{sa{sv}}}", false};
        case Operation::manager:
            return {properties_interface, "GetAll", names::manager_interface, "a{sv}", false};
        case Operation::status:
            return {properties_interface, "GetAll", names::cdat_interface, "a{sv}", false};
        case Operation::discover:
            return {names::mailbox_interface, "Discover", nullptr, "a(qys)", false};
        case Operation::reset: return {names::mailbox_interface, "Reset", nullptr, "", false};
        case Operation::release: return {names::mailbox_interface, "Release", nullptr, "h", false};
        case Operation::trace: return {names::mailbox_interface, "GetTrace", nullptr, "s", false};
        case Operation::table:
        case Operation::decoded: return {names::cdat_interface, "GetTable", nullptr, "ay", true};
        case Operation::table_file:
            return {names::cdat_interface, "GetTableFd", nullptr, "h", false};
        case Operation::json: return {names::cdat_interface, "GetJson", nullptr, "s", true};
        case Operation::refresh: return {names::cdat_interface, "Refresh", nullptr, "u", false};
        case Operation::subscribe:
            return {names::manager_interface, "Subscribe", nullptr, "h", false};
    }
    return {};
}

int append_option(sd_bus_message* message, const char* name, const char* type,
                  std::uint64_t value) {
    if (const int error = sd_bus_message_open_container(message, 'e', "sv"); error < 0) {
        return error;
    }
    // 'b' is an int, 't' a number of 64 bits.
    const int error =
        *type == 'b' ? sd_bus_message_append(message, "sv", name, type, static_cast<int>(value))
                     : sd_bus_message_append(message, "sv", name, type, value);
    return error < 0 ? error : sd_bus_message_close_container(message);
}

int append_options(sd_bus_message* message, const doed_call& call, std::uint64_t now) {
    if (const int error = sd_bus_message_open_container(message, 'a', "{sv}"); error < 0) {
        return error;
    }
    int error = 0;
    if (call.deadline_usec != never_usec) {
        const std::uint64_t left = call.deadline_usec > now ? call.deadline_usec - now : 1;
        error = append_option(message, names::option_deadline_usec, "t", left);
    }
    if (error >= 0 && call.request.settings.interactive) {
        error = append_option(message, names::option_interactive, "b", 1);
    }
    if (error >= 0 && call.request.refresh && method_of(call.operation()).takes_refresh) {
        error = append_option(message, names::option_refresh, "b", 1);
    }
    return error < 0 ? error : sd_bus_message_close_container(message);
}

/// Above the standard streams: a program that inherits it is not to find it in the place of one.
int keep_descriptor(int fd) noexcept {
    const int kept = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return kept < 0 ? -errno : kept;
}

void read_descriptor(doed_reply& reply, MessageReader& reader) {
    // The message keeps its own.
    const int kept = reader.ok() ? keep_descriptor(reader.fd()) : -EPROTO;
    if (kept < 0) {
        reply.fail(kept, {}, errno_text("cannot keep the descriptor from doed", kept));
        return;
    }
    reply.fd.reset(kept);
}

void give_table(doed_call& call, std::vector<std::uint8_t> bytes) {
    if (call.request.operation == Operation::decoded) {
        call.reply.cdat = make_ref<doed_cdat>(std::move(bytes));
    } else {
        call.reply.bytes = std::move(bytes);
    }
}

void read_body(doed_call& call, sd_bus_message* answer) {
    MessageReader reader(answer);
    doed_reply& reply = call.reply;
    switch (call.request.operation) {
        case Operation::snapshot: {
            auto objects = decode_objects(reader);
            if (!objects) {
                reply.fail(-EPROTO, {}, objects.error().message());
                return;
            }
            reply.snapshot = make_ref<doed_snapshot>(std::move(*objects));
            break;
        }
        case Operation::manager: reply.manager = make_ref<doed_manager>(reader.properties()); break;
        case Operation::status:
            reply.status = make_ref<doed_cdat_status>(decode_cdat(reader.properties()));
            break;
        case Operation::discover:
            reply.features = make_ref<doed_features>(reader.features());
            break;
        case Operation::reset: break;
        case Operation::release:
        case Operation::subscribe: read_descriptor(reply, reader); break;
        case Operation::trace:
        case Operation::json: reply.text = reader.text(); break;
        case Operation::table:
        case Operation::decoded: give_table(call, reader.bytes()); break;
        case Operation::table_file: break;
        case Operation::refresh: reply.sequence = reader.u32(); break;
    }
    if (!reader.ok() && reply.error == 0) {
        reply.fail(-EPROTO, {}, "doed's answer cannot be read");
    }
}

/// The second half of a table that was too large for a message.
void read_table_file(doed_call& call, sd_bus_message* answer) {
    MessageReader reader(answer);
    const int fd = reader.fd();
    auto bytes = reader.ok() ? read_sealed_file(fd)
                             : failed(FailureKind::general, "doed's answer cannot be read");
    if (!bytes) {
        call.reply.fail(-EPROTO, {}, bytes.error().message());
        return;
    }
    give_table(call, std::move(*bytes));
}

}  // namespace

bool needs_descriptors(Operation operation) noexcept {
    return *method_of(operation).answer == 'h';
}

bool has_options(Operation operation) noexcept {
    const auto method = method_of(operation);
    return method.interface != object_manager_interface && method.interface != properties_interface;
}

int make_message(sd_bus* bus, const doed_call& call, std::uint64_t now, sd_bus_message** ret) {
    const Operation operation = call.operation();
    const Method method = method_of(operation);
    sd_bus_message* raw = nullptr;
    int error = sd_bus_message_new_method_call(
        bus, &raw, names::bus_name, call.request.path.c_str(), method.interface, method.member);
    MessagePtr message(raw);
    if (error >= 0 && method.properties_of != nullptr) {
        error = sd_bus_message_append(raw, "s", method.properties_of);
    }
    if (error >= 0 && has_options(operation)) {
        error = append_options(raw, call, now);
    }
    if (error >= 0 && call.request.settings.interactive) {
        error = sd_bus_message_set_allow_interactive_authorization(raw, 1);
    }
    if (error >= 0 && !call.request.settings.autostart) {
        error = sd_bus_message_set_auto_start(raw, 0);
    }
    if (error >= 0) {
        *ret = message.release();
    }
    return error < 0 ? error : 0;
}

void read_answer(doed_call& call, sd_bus_message* answer) {
    if (const sd_bus_error* error = sd_bus_message_get_error(answer); error != nullptr) {
        const char* text = error->message != nullptr ? error->message : "no reason given";
        call.reply.fail(errno_of(error->name), error->name, text);
        return;
    }
    const Operation operation = call.operation();
    const Method method = method_of(operation);
    if (sd_bus_message_has_signature(answer, method.answer) == 0) {
        call.reply.fail(-EPROTO, {},
                        std::string("doed answers ") + method.member +
                            " with something other than " + method.answer +
                            ": its version may be another than this library's");
        return;
    }
    if (operation == Operation::table_file) {
        read_table_file(call, answer);
    } else {
        read_body(call, answer);
    }
}

}  // namespace doed::client
