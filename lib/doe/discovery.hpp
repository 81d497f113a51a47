// SPDX-License-Identifier: Apache-2.0
//
// DOE Discovery (PCIe r6.2 6.30.1.1): asks a mailbox for its protocols, one index after the other.
#pragma once

#include "doe/operation.hpp"

#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

namespace doed::doe {

class DiscoveryOperation final : public Operation {
public:
    /// `capability_version` is that of the DOE extended capability; from 2 on requests carry discovery version 2.
    explicit DiscoveryOperation(std::uint8_t capability_version) noexcept;

    [[nodiscard]] Protocol protocol() const noexcept override { return protocol_discovery; }
    [[nodiscard]] std::string_view single_flight_key() const noexcept override {
        return "discovery";
    }
    [[nodiscard]] const DiscoveryOperation* as_discovery() const noexcept override { return this; }
    [[nodiscard]] base::Result<Step> start() override;
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t> payload) override;
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
        return request_;
    }

    /// The protocols in the order the device listed them, without repetitions; complete once finished.
    [[nodiscard]] const std::vector<Protocol>& protocols() const noexcept { return protocols_; }
    /// Whether the list leads back to an index that it came from, or lacks discovery itself, which every mailbox has: one answer
    /// may have been given for another. Something may be missing in it.
    [[nodiscard]] bool doubtful() const noexcept;

private:
    void ask(std::uint8_t index) noexcept;

    std::uint32_t version_field_;
    std::array<std::uint32_t, 1> request_{};
    std::bitset<256> asked_;
    std::vector<Protocol> protocols_;
    bool looped_ = false;
};

}  // namespace doed::doe
