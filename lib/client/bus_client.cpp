// SPDX-License-Identifier: Apache-2.0
#include "client/bus_client.hpp"

#include "base/dbus_names.hpp"
#include "client/message_reader.hpp"
#include "client/object_decoder.hpp"
#include "client/sealed_file.hpp"

#include <cerrno>
#include <cstdint>
#include <utility>

#include <fcntl.h>

namespace doed::client {

namespace {

using namespace std::chrono_literals;

constexpr char object_manager_interface[] = "org.freedesktop.DBus.ObjectManager";
constexpr char properties_interface[] = "org.freedesktop.DBus.Properties";
constexpr char too_large_error[] = "org.doed1.Error.TooLarge";
constexpr char unknown_method_error[] = "org.freedesktop.DBus.Error.UnknownMethod";

/// How much longer than doed's own deadline an answer is waited for.
constexpr auto answer_grace = 1s;

class BusError {
public:
    BusError() = default;
    BusError(const BusError&) = delete;
    BusError& operator=(const BusError&) = delete;
    ~BusError() { sd_bus_error_free(&error_); }

    [[nodiscard]] sd_bus_error* get() noexcept { return &error_; }

    /// `result`: what the call returned, negative.
    [[nodiscard]] Failure failure(int result) const {
        if (sd_bus_error_is_set(&error_) != 0) {
            return failure_from_error(
                error_.name, error_.message != nullptr ? error_.message : "no reason given");
        }
        return failure_from_errno(result, "the call failed");
    }

private:
    sd_bus_error error_{};
};

/// The connection broke: the bus itself went away.
bool connection_lost(int result) noexcept {
    return result == -ECONNRESET || result == -ENOTCONN || result == -EPIPE || result == -ESHUTDOWN;
}

template <typename T>
Outcome<T> decoded(T value, const MessageReader& reader) {
    if (!reader.ok()) {
        return failed(FailureKind::general, "doed's answer cannot be read", versions_differ);
    }
    return value;
}

}  // namespace

BusClient::BusClient(BusPtr bus, BusPlace place, std::chrono::microseconds timeout,
                     bool starts_doed)
    : bus_(std::move(bus)),
      place_(std::move(place)),
      timeout_(timeout),
      starts_doed_(starts_doed) {}

Outcome<std::vector<DeviceRecord>> BusClient::devices() {
    auto call = new_call(names::root_path, object_manager_interface, "GetManagedObjects");
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    auto answer = send(*call, timeout_, "a{oa{sa{sv}}}");
    if (!answer) {
        return std::unexpected(std::move(answer).error());
    }
    MessageReader reader(answer->get());
    return decode_objects(reader);
}

Outcome<std::vector<Feature>> BusClient::discover(const std::string& mailbox_path) {
    auto call = call_method(mailbox_path, names::mailbox_interface, "Discover", false);
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    auto answer = send(*call, timeout_ + answer_grace, "a(qys)");
    if (!answer) {
        return std::unexpected(std::move(answer).error());
    }
    MessageReader reader(answer->get());
    auto features = reader.features();
    return decoded(std::move(features), reader);
}

Outcome<std::vector<std::uint8_t>> BusClient::table(const std::string& mailbox_path, bool refresh) {
    auto call = call_method(mailbox_path, names::cdat_interface, "GetTable", refresh);
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    auto answer = send(*call, timeout_ + answer_grace, "ay");
    if (!answer) {
        // doed knows a table's size when it has read it: the copy is fresh, whatever `refresh` was.
        return answer.error().dbus_name() == too_large_error
                   ? table_from_file(mailbox_path)
                   : std::unexpected(std::move(answer).error());
    }
    MessageReader reader(answer->get());
    auto bytes = reader.bytes();
    return decoded(std::move(bytes), reader);
}

Outcome<std::vector<std::uint8_t>> BusClient::table_from_file(const std::string& mailbox_path) {
    if (place_.is_remote()) {
        return std::unexpected(
            place_.no_descriptors("read a table of more than 64 KiB",
                                  "cdat " + mailbox_name_of_path(mailbox_path) + " --raw"));
    }
    auto call = call_method(mailbox_path, names::cdat_interface, "GetTableFd", false);
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    auto answer = send(*call, timeout_ + answer_grace, "h");
    if (!answer) {
        return std::unexpected(std::move(answer).error());
    }
    MessageReader reader(answer->get());
    const int fd = reader.fd();
    return reader.ok() ? read_sealed_file(fd) : decoded(std::vector<std::uint8_t>{}, reader);
}

Outcome<std::string> BusClient::table_document(const std::string& mailbox_path) {
    auto call = call_method(mailbox_path, names::cdat_interface, "GetJson", false);
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    auto answer = send(*call, timeout_ + answer_grace, "s");
    if (!answer) {
        const auto& name = answer.error().dbus_name();
        return name == too_large_error || name == unknown_method_error
                   ? Outcome<std::string>()
                   : std::unexpected(std::move(answer).error());
    }
    MessageReader reader(answer->get());
    auto text = reader.text();
    return decoded(std::move(text), reader);
}

Outcome<std::string> BusClient::trace(const std::string& mailbox_path) {
    auto call = call_method(mailbox_path, names::mailbox_interface, "GetTrace", false);
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    auto answer = send(*call, timeout_ + answer_grace, "s");
    if (!answer) {
        return std::unexpected(std::move(answer).error());
    }
    MessageReader reader(answer->get());
    auto text = reader.text();
    return decoded(std::move(text), reader);
}

Outcome<void> BusClient::reset(const std::string& mailbox_path) {
    auto call = call_method(mailbox_path, names::mailbox_interface, "Reset", false);
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    auto answer = send(*call, timeout_ + answer_grace, "");
    if (!answer) {
        return std::unexpected(std::move(answer).error());
    }
    return {};
}

Outcome<base::UniqueFd> BusClient::release(const std::string& mailbox_path) {
    auto call = call_method(mailbox_path, names::mailbox_interface, "Release", false);
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    auto answer = send(*call, timeout_ + answer_grace, "h");
    if (!answer) {
        return std::unexpected(std::move(answer).error());
    }
    MessageReader reader(answer->get());
    // The message keeps its own descriptor.
    // A command inherits it: not in the place of a standard stream that happens to be closed.
    base::UniqueFd lease(::fcntl(reader.fd(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!lease) {
        return std::unexpected(failure_from_errno(errno, "cannot keep the lease"));
    }
    return lease;
}

Outcome<CdatRecord> BusClient::cdat(const std::string& mailbox_path) {
    auto call = new_call(mailbox_path, properties_interface, "GetAll");
    if (!call) {
        return std::unexpected(std::move(call).error());
    }
    if (const int error = sd_bus_message_append(call->get(), "s", names::cdat_interface);
        error < 0) {
        return std::unexpected(failure_from_errno(error, "cannot make a D-Bus message"));
    }
    auto answer = send(*call, timeout_, "a{sv}");
    if (!answer) {
        return std::unexpected(std::move(answer).error());
    }
    MessageReader reader(answer->get());
    return decoded(decode_cdat(reader.properties()), reader);
}

Outcome<MessagePtr> BusClient::new_call(const std::string& path, const char* interface,
                                        const char* member) {
    sd_bus_message* raw = nullptr;
    int error = sd_bus_message_new_method_call(bus_.get(), &raw, names::bus_name, path.c_str(),
                                               interface, member);
    MessagePtr call(raw);
    if (error >= 0) {
        error = sd_bus_message_set_auto_start(raw, starts_doed_ ? 1 : 0);
    }
    if (error < 0) {
        return std::unexpected(failure_from_errno(error, "cannot make a D-Bus message"));
    }
    return call;
}

Outcome<MessagePtr> BusClient::call_method(const std::string& path, const char* interface,
                                           const char* member, bool refresh) {
    auto call = new_call(path, interface, member);
    if (!call) {
        return call;
    }
    sd_bus_message* options = call->get();
    int error = sd_bus_message_open_container(options, 'a', "{sv}");
    if (error >= 0) {
        error = sd_bus_message_append(options, "{sv}", names::option_deadline_usec, "t",
                                      static_cast<std::uint64_t>(timeout_.count()));
    }
    for (const auto& [option, wanted] : {std::pair(names::option_refresh, refresh),
                                         std::pair(names::option_interactive, interactive_)}) {
        if (error >= 0 && wanted) {
            error = sd_bus_message_append(options, "{sv}", option, "b", 1);
        }
    }
    if (error >= 0) {
        error = sd_bus_message_close_container(options);
    }
    if (error < 0) {
        return std::unexpected(failure_from_errno(error, "cannot make a D-Bus message"));
    }
    return call;
}

Outcome<MessagePtr> BusClient::send(const MessagePtr& call, std::chrono::microseconds timeout,
                                    const char* signature) {
    BusError error;
    sd_bus_message* raw = nullptr;
    const int result = sd_bus_call(bus_.get(), call.get(),
                                   static_cast<std::uint64_t>(timeout.count()), error.get(), &raw);
    MessagePtr answer(raw);
    if (result < 0) {
        return std::unexpected(connection_lost(result)
                                   ? Failure(FailureKind::no_daemon,
                                             "the connection to " + place_.text() + " broke",
                                             "see whether the bus still runs")
                                   : place_.advise(error.failure(result)));
    }
    if (sd_bus_message_has_signature(answer.get(), signature) == 0) {
        return failed(FailureKind::general,
                      std::string("doed answers ") + sd_bus_message_get_member(call.get()) +
                          " with something other than " + signature,
                      versions_differ);
    }
    return answer;
}

}  // namespace doed::client
