// SPDX-License-Identifier: Apache-2.0
#include "bench/measured_device.hpp"

#include "doe/registers.hpp"
#include "emulator/protocols/table_access_responder.hpp"

#include <utility>
#include <vector>

namespace doed::bench {

namespace {

// Memory Space Enable and Bus Master, with a capability list: a function that is there.
constexpr std::uint32_t command_and_status = 0x00100406;

std::vector<std::unique_ptr<emulator::Responder>> serving(std::span<const std::uint8_t> table) {
    std::vector<std::unique_ptr<emulator::Responder>> responders;
    responders.push_back(std::make_unique<emulator::TableAccessResponder>(table));
    return responders;
}

}  // namespace

MeasuredDevice::MeasuredDevice(std::span<const std::uint8_t> table,
                               emulator::ResponseTimeRange response_time, std::uint64_t seed)
    : instance_({.response_time = response_time, .seed = seed}, serving(table),
                std::chrono::steady_clock::now) {}

std::uint32_t MeasuredDevice::read(std::uint16_t offset) {
    ++counts_.accesses;
    if (offset < capability_offset) {
        return command_and_status;
    }
    const auto register_offset = static_cast<std::uint16_t>(offset - capability_offset);
    const std::uint32_t value = instance_.read(register_offset);
    if (register_offset == doe::reg::status && awaited_) {
        ++counts_.looks;
        awaited_ = (value & doe::status_ready) == 0;
    }
    return value;
}

void MeasuredDevice::write(std::uint16_t offset, std::uint32_t value) {
    ++counts_.accesses;
    const auto register_offset = static_cast<std::uint16_t>(offset - capability_offset);
    if (register_offset != doe::reg::control || (value & doe::control_go) == 0) {
        instance_.write(register_offset, value);
        return;
    }
    ++counts_.exchanges;
    awaited_ = true;
    go_at_ = std::chrono::steady_clock::now();
    instance_.write(register_offset, value);
    ready_at_ = instance_.next_event().value_or(go_at_);
}

}  // namespace doed::bench
