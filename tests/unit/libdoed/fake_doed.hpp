// SPDX-License-Identifier: Apache-2.0
//
// What stands for doed: a service on a bus of the test's own, on a thread of its own, which answers each method as the test
// says, rightly or not.
#pragma once

#include "client/libdoed/sd_bus_owners.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doed/doed.h>

namespace doed::client {

class FakeDoed {
public:
    /// Answers the call with sd_bus_reply_*; what it returns is what sd-bus returned.
    using Handler = std::function<int(sd_bus_message* call)>;
    using Handlers = std::map<std::string, Handler>;

    /// Takes its name on the private bus. Calls of members without a handler are never answered.
    explicit FakeDoed(Handlers handlers);
    FakeDoed(const FakeDoed&) = delete;
    FakeDoed& operator=(const FakeDoed&) = delete;
    /// Leaves the bus.
    ~FakeDoed();

private:
    static int on_message(sd_bus_message* message, void* self, sd_bus_error* error);
    void serve();

    Handlers handlers_;
    BusPtr bus_;
    int stop_[2];
    std::thread thread_;
};

/// Of the bus that all tests of this program share.
[[nodiscard]] const std::string& bus_address();

struct ContextEnder {
    void operator()(doed_context* context) const noexcept { doed_unref(context); }
};
using ContextPtr = std::unique_ptr<doed_context, ContextEnder>;
/// On the private bus.
[[nodiscard]] ContextPtr make_context();

/// Processes until `done`; false when that takes more than ten seconds.
[[nodiscard]] bool process_until(doed_context* context, const std::function<bool()>& done);

// Answers.
[[nodiscard]] FakeDoed::Handler error_reply(const char* name, const char* text = "because");
[[nodiscard]] FakeDoed::Handler text_reply(const std::string& text);
[[nodiscard]] FakeDoed::Handler bytes_reply(std::vector<std::uint8_t> bytes);
/// A sealed memory file.
[[nodiscard]] FakeDoed::Handler file_reply(std::vector<std::uint8_t> bytes, bool sealed = true);
[[nodiscard]] FakeDoed::Handler number_reply(std::uint32_t number);
/// The caller's own copy of a descriptor that `make` makes and nobody else has then.
[[nodiscard]] FakeDoed::Handler fd_reply(std::function<int()> make);
/// A device with a mailbox that offers a CDAT, one in another domain with two.
[[nodiscard]] FakeDoed::Handler objects_reply();

inline constexpr char mailbox_path[] = "/org/doed1/device/0000_0d_00_0/mailbox_190";

}  // namespace doed::client
