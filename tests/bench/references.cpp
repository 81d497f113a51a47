// SPDX-License-Identifier: Apache-2.0
#include "bench/references.hpp"

#include "base/assert.hpp"
#include "doe/protocol.hpp"
#include "doe/registers.hpp"

#include <thread>

namespace doed::bench {

using namespace std::chrono_literals;
namespace reg = doe::reg;

namespace {

constexpr std::uint32_t length_mask = 0x3FFFF;
constexpr std::uint16_t last_handle = 0xFFFF;

bool status_has(const Port& port, std::uint32_t bit) {
    return (port.read(reg::status) & bit) != 0;
}

void send(const Port& port, std::span<const std::uint32_t> object) {
    for (const std::uint32_t dword : object) {
        port.write(reg::write_mailbox, dword);
    }
}

void ring_keeping_other_bits(const Port& port) {
    const std::uint32_t control = port.read(reg::control);
    port.write(reg::control, control | doe::control_go);
}

std::uint32_t take_dword(const Port& port, std::uint32_t acknowledgement) {
    const std::uint32_t dword = port.read(reg::read_mailbox);
    port.write(reg::read_mailbox, acknowledgement);
    return dword;
}

/// With a look at Status before the last dword is acknowledged: it must still be Ready.
Object receive_checked(const Port& port) {
    Object response{take_dword(port, 0)};
    response.push_back(take_dword(port, 0));
    const std::size_t length_dw = response[1] & length_mask;
    while (response.size() < length_dw) {
        response.push_back(port.read(reg::read_mailbox));
        if (response.size() == length_dw) {
            DOED_ASSERT(status_has(port, doe::status_ready));
        }
        port.write(reg::read_mailbox, 0);
    }
    DOED_ASSERT(!status_has(port, doe::status_error));
    return response;
}

}  // namespace

std::uint32_t Port::read(std::uint16_t register_offset) const {
    const auto value =
        config.read32(static_cast<std::uint16_t>(capability_offset + register_offset));
    DOED_ASSERT(value.has_value());
    return *value;
}

void Port::write(std::uint16_t register_offset, std::uint32_t value) const {
    const auto written =
        config.write32(static_cast<std::uint16_t>(capability_offset + register_offset), value);
    DOED_ASSERT(written.has_value());
}

Object linux_exchange(const Port& port, std::span<const std::uint32_t> object,
                      std::chrono::milliseconds pause) {
    while (status_has(port, doe::status_busy)) {
    }
    send(port, object);
    port.write(reg::control, doe::control_go);
    while (!status_has(port, doe::status_ready)) {
        std::this_thread::sleep_for(pause);
    }
    return receive_checked(port);
}

Object spdm_utils_exchange(const Port& port, std::span<const std::uint32_t> object) {
    while (status_has(port, doe::status_busy)) {
    }
    send(port, object);
    ring_keeping_other_bits(port);
    while (!status_has(port, doe::status_ready)) {
    }
    Object response;
    while (status_has(port, doe::status_ready)) {
        response.push_back(take_dword(port, 0xDEADBEEF));
    }
    return response;
}

Object tee_io_exchange(const Port& port, std::span<const std::uint32_t> object) {
    DOED_ASSERT(!status_has(port, doe::status_error));
    while (status_has(port, doe::status_busy)) {
        std::this_thread::sleep_for(30ms);
    }
    send(port, object);
    ring_keeping_other_bits(port);
    DOED_ASSERT(!status_has(port, doe::status_error));
    DOED_ASSERT(!status_has(port, doe::status_error));  // send and receive each look
    while (!status_has(port, doe::status_ready)) {
        DOED_ASSERT(!status_has(port, doe::status_error));
        std::this_thread::sleep_for(30ms);
    }
    Object response{take_dword(port, 0)};
    response.push_back(take_dword(port, 0));
    while (response.size() < (response[1] & length_mask)) {
        response.push_back(take_dword(port, 0));
    }
    DOED_ASSERT(!status_has(port, doe::status_error));
    return response;
}

Object bare_exchange(const Port& port, std::span<const std::uint32_t> object,
                     const std::function<void()>& wait) {
    send(port, object);
    port.write(reg::control, doe::control_go);
    wait();
    DOED_ASSERT(status_has(port, doe::status_ready));
    return receive_checked(port);
}

Object table_request(std::uint16_t handle) {
    const auto protocol = doe::protocol_table_access;
    return {static_cast<std::uint32_t>(protocol.vendor_id) |
                static_cast<std::uint32_t>(protocol.object_type) << 16,
            3, static_cast<std::uint32_t>(handle) << 16};
}

std::size_t read_table(const std::function<Object(std::span<const std::uint32_t>)>& exchange,
                       bool header_twice) {
    std::size_t exchanges = 0;
    if (header_twice) {
        exchange(table_request(0));
        ++exchanges;
    }
    for (std::uint16_t handle = 0; handle != last_handle; ++exchanges) {
        const Object response = exchange(table_request(handle));
        handle = static_cast<std::uint16_t>(response.at(2) >> 16);
    }
    return exchanges;
}

}  // namespace doed::bench
