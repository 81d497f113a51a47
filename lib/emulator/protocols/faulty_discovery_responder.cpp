// SPDX-License-Identifier: Apache-2.0
#include "emulator/protocols/faulty_discovery_responder.hpp"

#include "base/assert.hpp"

#include <utility>

namespace doed::emulator {

namespace {

constexpr std::uint32_t index_mask = 0xFF;
constexpr std::uint32_t nowhere = 0xFF;

void set_next_index(std::uint32_t& dword, std::uint32_t index) {
    constexpr unsigned next_index_shift = 24;
    dword = (dword & ~(index_mask << next_index_shift)) | index << next_index_shift;
}

}  // namespace

FaultyDiscoveryResponder::FaultyDiscoveryResponder(std::uint8_t capability_version,
                                                   std::vector<doe::Protocol> others,
                                                   std::shared_ptr<FaultInjector> faults)
    : sound_(capability_version, std::move(others)), faults_(std::move(faults)) {
    DOED_ASSERT(faults_ != nullptr);
}

std::optional<std::vector<std::uint32_t>> FaultyDiscoveryResponder::respond(
    std::span<const std::uint32_t> request) {
    auto response = sound_.respond(request);
    if (!response) {
        return response;
    }
    const std::uint32_t index = request[0] & index_mask;
    // Index 0 as the next one is the end of the list, which nobody can take for a circle.
    if (index != 0 && faults_->strike(FaultKind::discovery_loops)) {
        set_next_index(response->front(), index);
    } else if (faults_->strike(FaultKind::discovery_nowhere)) {
        set_next_index(response->front(), nowhere);
    }
    return response;
}

}  // namespace doed::emulator
