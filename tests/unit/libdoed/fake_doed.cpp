// SPDX-License-Identifier: Apache-2.0
#include "fake_doed.hpp"

#include "../daemon/private_bus.hpp"
#include "base/assert.hpp"
#include "base/dbus_names.hpp"
#include "base/unique_fd.hpp"

#include <chrono>
#include <utility>

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace doed::client {

namespace {

using namespace std::chrono_literals;

BusPtr connect_to_private_bus() {
    sd_bus* raw = nullptr;
    DOED_ASSERT(sd_bus_new(&raw) >= 0);
    BusPtr bus(raw);
    DOED_ASSERT(sd_bus_set_address(raw, bus_address().c_str()) >= 0);
    DOED_ASSERT(sd_bus_set_bus_client(raw, 1) >= 0);
    DOED_ASSERT(sd_bus_start(raw) >= 0);
    return bus;
}

int send_reply(sd_bus_message* call, const std::function<int(sd_bus_message*)>& fill) {
    sd_bus_message* raw = nullptr;
    DOED_ASSERT(sd_bus_message_new_method_return(call, &raw) >= 0);
    const MessagePtr reply(raw);
    DOED_ASSERT(fill(raw) >= 0);
    return sd_bus_send(nullptr, raw, nullptr);
}

}  // namespace

const std::string& bus_address() {
    static const bus::PrivateBus bus;
    return bus.address();
}

FakeDoed::FakeDoed(Handlers handlers)
    : handlers_(std::move(handlers)), bus_(connect_to_private_bus()) {
    DOED_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stop_) == 0);
    DOED_ASSERT(sd_bus_add_filter(bus_.get(), nullptr, &FakeDoed::on_message, this) >= 0);
    // With a queue: the one before may just be leaving.
    DOED_ASSERT(sd_bus_request_name(bus_.get(), names::bus_name, 0) >= 0);
    thread_ = std::thread([this] { serve(); });
}

FakeDoed::~FakeDoed() {
    ::close(stop_[1]);
    thread_.join();
    sd_bus_release_name(bus_.get(), names::bus_name);
    sd_bus_flush_close_unref(bus_.release());
    ::close(stop_[0]);
}

int FakeDoed::on_message(sd_bus_message* message, void* self, sd_bus_error*) {
    const char* member = sd_bus_message_get_member(message);
    const auto& handlers = static_cast<FakeDoed*>(self)->handlers_;
    const auto found = member != nullptr ? handlers.find(member) : handlers.end();
    if (found != handlers.end()) {
        DOED_ASSERT(found->second(message) >= 0);
    }
    return member != nullptr && std::string(member) != "NameAcquired" ? 1 : 0;
}

void FakeDoed::serve() {
    for (;;) {
        while (sd_bus_process(bus_.get(), nullptr) > 0) {
        }
        pollfd wanted[] = {
            {sd_bus_get_fd(bus_.get()), static_cast<short>(sd_bus_get_events(bus_.get())), 0},
            {stop_[0], POLLIN, 0}};
        if (::poll(wanted, 2, -1) > 0 && wanted[1].revents != 0) {
            return;
        }
    }
}

ContextPtr make_context() {
    doed_context* raw = nullptr;
    DOED_ASSERT(doed_new(&raw) == 0);
    ContextPtr context(raw);
    DOED_ASSERT(doed_set_bus(raw, bus_address().c_str()) == 0);
    return context;
}

bool process_until(doed_context* context, const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!done()) {
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
            end - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return false;
        }
        const int worked = doed_process(context);
        if (worked < 0) {
            return done();
        }
        if (worked == 0) {
            DOED_ASSERT(doed_wait(context, static_cast<std::uint64_t>(left.count())) >= 0);
        }
    }
    return true;
}

FakeDoed::Handler error_reply(const char* name, const char* text) {
    return [=](sd_bus_message* call) { return sd_bus_reply_method_errorf(call, name, "%s", text); };
}

FakeDoed::Handler text_reply(const std::string& text) {
    return
        [=](sd_bus_message* call) { return sd_bus_reply_method_return(call, "s", text.c_str()); };
}

FakeDoed::Handler number_reply(std::uint32_t number) {
    return [=](sd_bus_message* call) { return sd_bus_reply_method_return(call, "u", number); };
}

FakeDoed::Handler bytes_reply(std::vector<std::uint8_t> bytes) {
    return [=](sd_bus_message* call) {
        return send_reply(call, [&](sd_bus_message* reply) {
            return sd_bus_message_append_array(reply, 'y', bytes.data(), bytes.size());
        });
    };
}

FakeDoed::Handler fd_reply(std::function<int()> make) {
    return [make = std::move(make)](sd_bus_message* call) {
        const base::UniqueFd fd(make());
        return sd_bus_reply_method_return(call, "h", fd.get());
    };
}

FakeDoed::Handler file_reply(std::vector<std::uint8_t> bytes, bool sealed) {
    return fd_reply([=] {
        const int file = ::memfd_create("table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        DOED_ASSERT(::write(file, bytes.data(), bytes.size()) ==
                    static_cast<ssize_t>(bytes.size()));
        if (sealed) {
            DOED_ASSERT(::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) ==
                        0);
        }
        return file;
    });
}

FakeDoed::Handler objects_reply() {
    constexpr const char* device_interface = names::device_interface;
    constexpr const char* mailbox_interface = names::mailbox_interface;
    return [](sd_bus_message* call) {
        return sd_bus_reply_method_return(
            call, "a{oa{sa{sv}}}", 5,
            // The nearer device comes second, and its mailbox before it.
            "/org/doed1/device/10000_01_00_0", 1, device_interface, 1, "Address", "s",
            "10000:01:00.0", "/org/doed1/device/10000_01_00_0/mailbox_200", 1, mailbox_interface, 1,
            "Offset", "q", 0x200, "/org/doed1/device/10000_01_00_0/mailbox_100", 1,
            mailbox_interface, 2, "Offset", "q", 0x100, "OneOfLater", "x", std::int64_t{7},
            mailbox_path, 2, mailbox_interface, 6, "Offset", "q", 0x190, "State", "s", "idle",
            "Owner", "s", "daemon", "Features", "a(qys)", 2, 1, 0, "DOE Discovery", 0x1e98, 2,
            "CXL Table Access (CDAT)", "Exchanges", "t", std::uint64_t{5}, "ConfigWrites", "t",
            std::uint64_t{9}, names::cdat_interface, 3, "Length", "u", 40, "Sequence", "u", 3,
            "Problems", "as", 1, "notice at byte 4: odd", "/org/doed1/device/0000_0d_00_0", 1,
            device_interface, 5, "Address", "s", "0000:0d:00.0", "VendorId", "q", 0x8086,
            "ClassCode", "u", 0x050210, "NumaNode", "i", -1, "Driver", "s", "cxl_pci");
    };
}

}  // namespace doed::client
