// SPDX-License-Identifier: Apache-2.0
#include "doe/discovery.hpp"

#include <algorithm>

namespace doed::doe {

namespace {

constexpr std::uint8_t first_version_with_field = 2;
constexpr std::uint32_t version_shift = 8;
constexpr std::uint32_t next_index_shift = 24;
// What devices answer for an index they do not have.
constexpr std::uint16_t vendor_none = 0xFFFF;

}  // namespace

DiscoveryOperation::DiscoveryOperation(std::uint8_t capability_version) noexcept
    : version_field_(capability_version >= first_version_with_field
                         ? std::uint32_t{first_version_with_field} << version_shift
                         : 0) {}

void DiscoveryOperation::ask(std::uint8_t index) noexcept {
    asked_.set(index);
    request_[0] = version_field_ | index;
}

base::Result<Operation::Step> DiscoveryOperation::start() {
    asked_.reset();
    protocols_.clear();
    looped_ = false;
    ask(0);
    return Step::send;
}

base::Result<Operation::Step> DiscoveryOperation::consume(std::span<const std::uint32_t> payload) {
    // One dword; newer devices add a second with the maximum object length.
    if (payload.empty() || payload.size() > 2) {
        return base::fail(base::Errc::malformed, "discovery response of " +
                                                     std::to_string(payload.size()) +
                                                     " payload dwords, not 1 or 2");
    }
    const auto vendor_id = static_cast<std::uint16_t>(payload[0]);
    const auto next_index = static_cast<std::uint8_t>(payload[0] >> next_index_shift);
    if (vendor_id == vendor_none) {
        return Step::finished;
    }
    const Protocol protocol{vendor_id, static_cast<std::uint8_t>(payload[0] >> 16)};
    if (std::ranges::find(protocols_, protocol) == protocols_.end()) {
        protocols_.push_back(protocol);
    }
    // Index 0 ends the list; an index that was asked before would go round for ever.
    looped_ = next_index != 0 && asked_.test(next_index);
    if (next_index == 0 || looped_) {
        return Step::finished;
    }
    ask(next_index);
    return Step::send;
}

bool DiscoveryOperation::doubtful() const noexcept {
    return looped_ || std::ranges::find(protocols_, protocol_discovery) == protocols_.end();
}

}  // namespace doed::doe
