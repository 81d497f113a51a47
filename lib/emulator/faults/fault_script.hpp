// SPDX-License-Identifier: Apache-2.0
//
// How one mailbox misbehaves, and when: a list of rules and a seed. Plain data, made by hand, by a topology file
// (docs/topology.md) or at random; emulator/faults/fault_injector.hpp carries it out. The same script and the same
// accesses at the same times give the same faults.
#pragma once

#include "base/scheduler.hpp"
#include "emulator/faults/fault_kind.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace doed::emulator {

/// Strikes at those occasions of its kind whose number is `first` to `last`, with probability `rate` at each, from `from`
/// until before `until`, and `count` times at most. Each rule draws from a generator of its own.
struct FaultRule {
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
    static constexpr std::uint32_t max_dwords = 1U << 18;
    static constexpr base::Duration max_time = std::chrono::years(1);

    FaultKind kind{};
    double rate = 1;                               ///< 0..1
    std::uint64_t first = 1;                       ///< number of an occasion, from 1 on
    std::uint64_t last = unlimited;                ///< the same, included
    std::uint64_t count = unlimited;               ///< strikes
    base::Duration from{};                         ///< since the mailbox was made
    base::Duration until = base::Duration::max();  ///< the same
    std::optional<base::Duration> time{};   ///< what it means depends on the kind; 0 to max_time
    std::optional<std::uint32_t> dwords{};  ///< the same; 1 to max_dwords

    /// A rule that strikes at the occasions `number`, `number` + 1, ..., `times` of them.
    [[nodiscard]] static FaultRule at(FaultKind kind, std::uint64_t number,
                                      std::uint64_t times = 1);

    friend bool operator==(const FaultRule&, const FaultRule&) = default;
};

struct FaultScript {
    /// Of several rules of a kind, the first that strikes at an occasion counts.
    std::vector<FaultRule> rules{};
    std::uint64_t seed = 1;

    friend bool operator==(const FaultScript&, const FaultScript&) = default;
};

/// How often each kind has struck.
class FaultCounts {
public:
    [[nodiscard]] std::uint64_t of(FaultKind kind) const noexcept {
        return counts_[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] std::uint64_t total() const noexcept;
    void add(FaultKind kind) noexcept { ++counts_[static_cast<std::size_t>(kind)]; }
    FaultCounts& operator+=(const FaultCounts& other) noexcept;

    friend bool operator==(const FaultCounts&, const FaultCounts&) = default;

private:
    std::array<std::uint64_t, fault_kind_count> counts_{};
};

}  // namespace doed::emulator
