// SPDX-License-Identifier: Apache-2.0
#include "test_client.hpp"

#include "base/dbus_names.hpp"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include <fcntl.h>

namespace doed::bus {

namespace {

constexpr char match[] = "type='signal',sender='org.doed1'";

/// sd-bus tells errors as negative numbers.
int good(int result, const char* what) {
    if (result < 0) {
        throw std::runtime_error(std::string(what) + ": error " + std::to_string(-result));
    }
    return result;
}

struct Error : sd_bus_error {
    Error() : sd_bus_error{} {}
    Error(const Error&) = delete;
    Error& operator=(const Error&) = delete;
    ~Error() { ::sd_bus_error_free(this); }
};

struct Unref {
    void operator()(sd_bus_message* message) const { ::sd_bus_message_unref(message); }
};
using MessagePtr = std::unique_ptr<sd_bus_message, Unref>;

std::string read_string(sd_bus_message* message, char type) {
    const char* text = nullptr;
    good(::sd_bus_message_read_basic(message, type, &text), "a string");
    return text;
}

/// The keys of a dictionary whose values are of no interest.
std::vector<std::string> read_keys(sd_bus_message* message, char key, const char* value) {
    std::vector<std::string> keys;
    const std::string entry = std::string(1, key) + value;
    good(::sd_bus_message_enter_container(message, 'a', ("{" + entry + "}").c_str()), "a{}");
    while (good(::sd_bus_message_enter_container(message, 'e', entry.c_str()), "an entry") > 0) {
        keys.push_back(read_string(message, key));
        good(::sd_bus_message_skip(message, value), "a value");
        good(::sd_bus_message_exit_container(message), "an entry");
    }
    good(::sd_bus_message_exit_container(message), "a{}");
    return keys;
}

void read_answer(sd_bus_message* message, TestClient::Answer& answer) {
    if (const sd_bus_error* const error = ::sd_bus_message_get_error(message)) {
        answer.error = error->name;
        answer.message = error->message;
    } else if (::sd_bus_message_has_signature(message, "ay") > 0) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        good(::sd_bus_message_read_array(message, 'y', &bytes, &size), "ay");
        const auto* const first = static_cast<const std::uint8_t*>(bytes);
        answer.bytes.assign(first, first + size);
    } else if (::sd_bus_message_has_signature(message, "h") > 0) {
        int fd = -1;
        good(::sd_bus_message_read_basic(message, 'h', &fd), "h");
        answer.descriptor.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    }
}

}  // namespace

TestClient::TestClient(const std::string& bus_address) {
    good(::sd_bus_new(&bus_), "a bus");
    good(::sd_bus_set_address(bus_, bus_address.c_str()), "its address");
    good(::sd_bus_set_bus_client(bus_, 1), "a client");
    good(::sd_bus_negotiate_fds(bus_, 1), "descriptors");
    good(::sd_bus_start(bus_), "a connection");
    const char* unique = nullptr;
    good(::sd_bus_get_unique_name(bus_, &unique), "a name");
    name_ = unique;
    good(::sd_bus_add_match(
             bus_, nullptr, match,
             [](sd_bus_message* message, void* self, sd_bus_error*) {
                 return on_signal(message, self, nullptr);
             },
             this),
         "a match");
}

TestClient::~TestClient() {
    leave();
}

void TestClient::leave() {
    ::sd_bus_flush_close_unref(bus_);
    bus_ = nullptr;
}

void TestClient::own_for_a_moment(const std::string& name) {
    good(::sd_bus_request_name(bus_, name.c_str(), 0), "the name");
    good(::sd_bus_release_name(bus_, name.c_str()), "the name's end");
}

int TestClient::on_signal(sd_bus_message* message, void* self, void*) {
    auto& signals = static_cast<TestClient*>(self)->signals_;
    ++static_cast<TestClient*>(self)->heard_;
    const std::string_view member = ::sd_bus_message_get_member(message);
    if (member == "InterfacesAdded") {
        const std::string path = read_string(message, 'o');
        for (const auto& interface : read_keys(message, 's', "a{sv}")) {
            signals.push_back("added " + path + " " + interface);
        }
    } else if (member == "InterfacesRemoved") {
        const std::string path = read_string(message, 'o');
        char** interfaces = nullptr;
        good(::sd_bus_message_read_strv(message, &interfaces), "as");
        for (char** interface = interfaces; interface != nullptr && *interface != nullptr;
             ++interface) {
            signals.push_back("removed " + path + " " + *interface);
            ::free(*interface);
        }
        ::free(interfaces);
    } else if (member == "PropertiesChanged") {
        const std::string path = ::sd_bus_message_get_path(message);
        signals.push_back("changed " + path + " " + read_string(message, 's'));
    }
    return 0;
}

TestClient::AnswerPtr TestClient::start(const std::string& path, const char* interface,
                                        const char* method, bool refresh) {
    sd_bus_message* raw = nullptr;
    good(::sd_bus_message_new_method_call(bus_, &raw, names::bus_name, path.c_str(), interface,
                                          method),
         "a call");
    const MessagePtr call(raw);
    good(refresh ? ::sd_bus_message_append(raw, "a{sv}", 1, names::option_refresh, "b", 1)
                 : ::sd_bus_message_append(raw, "a{sv}", 0),
         "options");
    auto answer = std::make_shared<Answer>();
    auto* const waiting = new AnswerPtr(answer);
    sd_bus_slot* slot = nullptr;
    good(::sd_bus_call_async(
             bus_, &slot, raw,
             [](sd_bus_message* message, void* data, sd_bus_error*) {
                 const auto& open = *static_cast<AnswerPtr*>(data);
                 read_answer(message, *open);
                 open->done = true;
                 return 0;
             },
             waiting, 0),
         "a call");
    good(::sd_bus_slot_set_destroy_callback(
             slot, [](void* data) { delete static_cast<AnswerPtr*>(data); }),
         "its end");
    good(::sd_bus_slot_set_floating(slot, 1), "its slot");
    ::sd_bus_slot_unref(slot);
    return answer;
}

TestClient::AnswerPtr TestClient::call(const std::string& path, const char* interface,
                                       const char* method, bool refresh) {
    auto answer = start(path, interface, method, refresh);
    if (!wait_for(answer)) {
        throw std::runtime_error(std::string(method) + " is not answered");
    }
    return answer;
}

std::string TestClient::property(const std::string& path, const char* interface, const char* name) {
    Error error;
    char* text = nullptr;
    if (::sd_bus_get_property_string(bus_, names::bus_name, path.c_str(), interface, name, &error,
                                     &text) < 0) {
        return "(" + std::string(error.name) + ")";
    }
    const std::string value(text);
    ::free(text);
    return value;
}

std::uint64_t TestClient::number(const std::string& path, const char* interface, const char* name,
                                 char type) {
    Error error;
    std::uint64_t value = 0;  // little endian: the shorter type fills its beginning
    good(::sd_bus_get_property_trivial(bus_, names::bus_name, path.c_str(), interface, name, &error,
                                       type, &value),
         name);
    return value;
}

std::vector<std::string> TestClient::objects() {
    Error error;
    sd_bus_message* raw = nullptr;
    good(::sd_bus_call_method(bus_, names::bus_name, names::root_path,
                              "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", &error,
                              &raw, ""),
         "the objects");
    const MessagePtr reply(raw);
    auto paths = read_keys(raw, 'o', "a{sa{sv}}");
    std::ranges::sort(paths);
    return paths;
}

bool TestClient::wait_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const auto before = heard_;
        if (condition()) {
            return true;
        }
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
            end - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return false;
        }
        // A condition that makes calls itself may have handled the signal that would wake it.
        if (good(::sd_bus_process(bus_, nullptr), "a message") == 0 && heard_ == before) {
            good(::sd_bus_wait(bus_, static_cast<std::uint64_t>(left.count())), "a wait");
        }
    }
}

bool TestClient::ask_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
    }
    return true;
}

bool TestClient::wait_for_signal(const std::string& signal) {
    return wait_until([&] { return std::ranges::find(signals_, signal) != signals_.end(); });
}

}  // namespace doed::bus
