// SPDX-License-Identifier: Apache-2.0
#include "emulator/protocols/discovery_responder.hpp"

#include "base/assert.hpp"

namespace doed::emulator {

namespace {

constexpr std::uint32_t none = 0x00FFFFFF;  // vendor 0xFFFF, type 0xFF, next index 0
constexpr std::uint32_t index_mask = 0xFF;
constexpr std::uint32_t version_2 = 2;
constexpr std::size_t max_protocols = 256;

// Of the second dword of version 2: the largest object a CMA/SPDM responder of this emulator takes.
constexpr std::uint32_t max_spdm_object_length_dw = 0x400;

bool carries_spdm(doe::Protocol protocol) {
    return protocol.vendor_id == doe::vendor_pci_sig && protocol.object_type >= 1 &&
           protocol.object_type <= 4;
}

}  // namespace

DiscoveryResponder::DiscoveryResponder(std::uint8_t capability_version,
                                       std::vector<doe::Protocol> others)
    : capability_version_(capability_version), protocols_{doe::protocol_discovery} {
    protocols_.insert(protocols_.end(), others.begin(), others.end());
    DOED_ASSERT(protocols_.size() <= max_protocols);
}

std::optional<std::vector<std::uint32_t>> DiscoveryResponder::respond(
    std::span<const std::uint32_t> request) {
    if (request.size() != 1) {
        return std::nullopt;
    }
    const std::uint32_t index = request[0] & index_mask;
    const std::uint32_t version = request[0] >> 8 & 0xFF;
    if (index >= protocols_.size()) {
        return std::vector{none};
    }
    const doe::Protocol found = protocols_[index];
    const std::uint32_t next = index + 1 < protocols_.size() ? index + 1 : 0;
    std::vector<std::uint32_t> response{found.vendor_id | std::uint32_t{found.object_type} << 16 |
                                        next << 24};
    if (capability_version_ >= 2 && version >= version_2 && carries_spdm(found)) {
        response.push_back(max_spdm_object_length_dw);
    }
    return response;
}

}  // namespace doed::emulator
