// SPDX-License-Identifier: Apache-2.0
//
// DOE Discovery (0001:00, PCIe r6.2 6.30.1.1). Every instance has it, at index 0; the others follow in their order.
//
// Version 1 (capability version 1) answers with one dword. Version 2, when the request asks for it, adds a second dword
// with the maximum object length to the answer for the SPDM protocols, 0001:01 to 0001:04. An index past the end is
// answered with vendor id 0xFFFF.
#pragma once

#include "emulator/protocols/responder.hpp"

namespace doed::emulator {

class DiscoveryResponder final : public Responder {
public:
    /// `others` are the instance's protocols besides discovery, at most 255.
    DiscoveryResponder(std::uint8_t capability_version, std::vector<doe::Protocol> others);

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_discovery;
    }
    [[nodiscard]] std::optional<std::vector<std::uint32_t>> respond(
        std::span<const std::uint32_t> request) override;

private:
    std::uint8_t capability_version_;
    std::vector<doe::Protocol> protocols_;
};

}  // namespace doed::emulator
