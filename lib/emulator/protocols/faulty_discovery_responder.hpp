// SPDX-License-Identifier: Apache-2.0
//
// DOE Discovery of a mailbox with a fault script: indices lead in a circle or nowhere. Otherwise the same as
// DiscoveryResponder.
#pragma once

#include "emulator/faults/fault_injector.hpp"
#include "emulator/protocols/discovery_responder.hpp"

#include <memory>

namespace doed::emulator {

class FaultyDiscoveryResponder final : public Responder {
public:
    /// `faults` is that of the mailbox the responder belongs to; the rest as for DiscoveryResponder.
    FaultyDiscoveryResponder(std::uint8_t capability_version, std::vector<doe::Protocol> others,
                             std::shared_ptr<FaultInjector> faults);

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_discovery;
    }
    [[nodiscard]] std::optional<std::vector<std::uint32_t>> respond(
        std::span<const std::uint32_t> request) override;

private:
    DiscoveryResponder sound_;
    std::shared_ptr<FaultInjector> faults_;
};

}  // namespace doed::emulator
