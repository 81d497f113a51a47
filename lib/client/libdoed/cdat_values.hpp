// SPDX-License-Identifier: Apache-2.0
//
// Values of lib/cdat as C has them.
#pragma once

#include "cdat/structures.hpp"
#include "cdat/summary.hpp"
#include "cdat/value.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <doed/cdat.h>

namespace doed::client {

[[nodiscard]] constexpr doed_value to_value(const cdat::Value& value,
                                            std::uint8_t data_type) noexcept {
    switch (value.kind) {
        case cdat::Value::Kind::given: return {value.amount, DOED_VALUE_GIVEN, data_type};
        case cdat::Value::Kind::unreachable: return {0, DOED_VALUE_UNREACHABLE, data_type};
        case cdat::Value::Kind::overflow: return {0, DOED_VALUE_OVERFLOW, data_type};
        case cdat::Value::Kind::not_provided: break;
    }
    return {0, DOED_VALUE_NOT_PROVIDED, data_type};
}

[[nodiscard]] constexpr doed_value value_of_entry(std::uint64_t base_unit, std::uint16_t entry,
                                                  std::uint8_t data_type) noexcept {
    return to_value(cdat::Value::of(base_unit, entry), data_type);
}

[[nodiscard]] inline doed_value figure(const std::optional<cdat::Figure>& figure) noexcept {
    return figure ? to_value(figure->value, static_cast<std::uint8_t>(figure->from)) : doed_value{};
}

/// For each structure that has the four of them.
template <typename T>
void take_performance(T& out, const cdat::Performance& performance) noexcept {
    out.read_latency = figure(performance.read_latency);
    out.write_latency = figure(performance.write_latency);
    out.read_bandwidth = figure(performance.read_bandwidth);
    out.write_bandwidth = figure(performance.write_bandwidth);
}

[[nodiscard]] inline doed_dsemts dsemts_of(const cdat::Dsemts& body,
                                           std::uint32_t offset_bytes) noexcept {
    doed_dsemts value{};
    value.dpa_offset = body.dpa_offset_bytes;
    value.dpa_length = body.dpa_length_bytes;
    value.offset = offset_bytes;
    value.handle = body.handle;
    value.memory_type = body.memory_type;
    return value;
}

/// What `give` does with one of a list; -ENOENT beyond its end.
template <typename Owner, typename List, typename Give>
int at_index(const Owner* owner, List Owner::* list, std::size_t index, Give&& give) noexcept {
    if (owner == nullptr) {
        return -EINVAL;
    }
    const auto& all = owner->*list;
    return index < all.size() ? give(all[index]) : -ENOENT;
}

}  // namespace doed::client
