// SPDX-License-Identifier: Apache-2.0
//
// A vendor-defined protocol that sends back what it gets: the stand-in for everything a service must not drive. Its
// vendor id, D0EDh, belongs to nobody in the PCI ID database; only emulated devices carry it.
#pragma once

#include "emulator/protocols/responder.hpp"

namespace doed::emulator {

inline constexpr std::uint16_t vendor_emulator = 0xD0ED;
inline constexpr doe::Protocol protocol_echo{vendor_emulator, 0x42};

class EchoResponder final : public Responder {
public:
    [[nodiscard]] doe::Protocol protocol() const noexcept override { return protocol_echo; }
    [[nodiscard]] std::optional<std::vector<std::uint32_t>> respond(
        std::span<const std::uint32_t> request) override {
        return std::vector(request.begin(), request.end());
    }
};

}  // namespace doed::emulator
