// SPDX-License-Identifier: Apache-2.0
//
// The device's side of one data object protocol.
#pragma once

#include "doe/protocol.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace doed::emulator {

class Responder {
public:
    Responder() = default;
    Responder(const Responder&) = delete;
    Responder& operator=(const Responder&) = delete;
    virtual ~Responder() = default;

    /// The protocol whose requests it answers.
    [[nodiscard]] virtual doe::Protocol protocol() const noexcept = 0;

    /// The payload dwords of the response to the payload dwords of a request; nothing when the request is not one that
    /// the protocol defines: then the device stays silent.
    [[nodiscard]] virtual std::optional<std::vector<std::uint32_t>> respond(
        std::span<const std::uint32_t> request) = 0;
};

}  // namespace doed::emulator
