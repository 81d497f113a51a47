// SPDX-License-Identifier: Apache-2.0
#include "emulator/faults/fault_script.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace doed::emulator {

FaultRule FaultRule::at(FaultKind kind, std::uint64_t number, std::uint64_t times) {
    DOED_ASSERT(number >= 1 && times >= 1);
    const std::uint64_t more = std::min(times - 1, unlimited - number);
    return {.kind = kind, .first = number, .last = number + more, .count = times};
}

std::uint64_t FaultCounts::total() const noexcept {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

FaultCounts& FaultCounts::operator+=(const FaultCounts& other) noexcept {
    std::ranges::transform(counts_, other.counts_, counts_.begin(), std::plus<>());
    return *this;
}

}  // namespace doed::emulator
