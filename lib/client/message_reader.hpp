// SPDX-License-Identifier: Apache-2.0
//
// Reads the body of a D-Bus message. The first value that is not of the expected type makes the reader bad: from then on
// it yields zeros and ends every loop, and the caller checks ok() once, at the end. Does not own the message.
#pragma once

#include "client/records.hpp"

#include <systemd/sd-bus.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace doed::client {

/// The property types of the contract; std::monostate for any other.
using PropertyValue =
    std::variant<std::monostate, bool, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t,
                 std::int32_t, std::string, std::vector<std::string>, std::vector<Feature>>;
using PropertyMap = std::map<std::string, PropertyValue, std::less<>>;

class MessageReader {
public:
    explicit MessageReader(sd_bus_message* message) noexcept : message_(message) {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }

    /// Goes into an array ('a'), a struct ('r') or a dictionary entry ('e'); false at the end of the array around it.
    [[nodiscard]] bool enter(char container, const char* contents);
    void leave();

    /// s or o
    [[nodiscard]] std::string text(char type = 's');
    [[nodiscard]] std::vector<std::string> texts();
    /// a(qys)
    [[nodiscard]] std::vector<Feature> features();
    /// a{sv}
    [[nodiscard]] PropertyMap properties();
    [[nodiscard]] std::vector<std::uint8_t> bytes();

    [[nodiscard]] std::uint8_t u8() { return basic<std::uint8_t>('y'); }
    [[nodiscard]] std::uint16_t u16() { return basic<std::uint16_t>('q'); }
    [[nodiscard]] std::uint32_t u32() { return basic<std::uint32_t>('u'); }
    [[nodiscard]] std::uint64_t u64() { return basic<std::uint64_t>('t'); }
    [[nodiscard]] std::int32_t i32() { return basic<std::int32_t>('i'); }
    /// h; the message owns the descriptor.
    [[nodiscard]] int fd() { return ok_ ? basic<int>('h') : -1; }

    void skip(const char* types) { accept(sd_bus_message_skip(message_, types)); }

private:
    template <typename T>
    T basic(char type) {
        T value{};
        if (ok_) {
            accept(sd_bus_message_read_basic(message_, type, static_cast<void*>(&value)) > 0
                       ? 1
                       : -EBADMSG);
        }
        return ok_ ? value : T{};
    }
    PropertyValue variant();
    void accept(int result) noexcept { ok_ = ok_ && result >= 0; }

    sd_bus_message* message_;
    bool ok_ = true;
};

}  // namespace doed::client
