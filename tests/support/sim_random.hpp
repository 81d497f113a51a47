// SPDX-License-Identifier: Apache-2.0
//
// Random numbers that are the same on every machine for a seed (splitmix64). The standard library's distributions are
// not: each implementation draws them in its own way.
#pragma once

#include "base/scheduler.hpp"

#include <cstdint>

namespace doed::test {

class SimRandom {
public:
    explicit SimRandom(std::uint64_t seed) noexcept : state_(seed) {}

    [[nodiscard]] std::uint64_t next() noexcept {
        state_ += 0x9E3779B97F4A7C15U;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9U;
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBU;
        return mixed ^ mixed >> 31;
    }

    /// 0 to `bound` - 1, each about as often; `bound` is not 0.
    [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>((next() >> 32) * bound >> 32);
    }
    /// `low` to `high`, both included.
    [[nodiscard]] std::uint32_t between(std::uint32_t low, std::uint32_t high) noexcept {
        return low + below(high - low + 1);
    }
    /// True once in `n` times.
    [[nodiscard]] bool one_in(std::uint32_t n) noexcept { return below(n) == 0; }

    /// A time from `low` up to, not including, `high`.
    [[nodiscard]] base::Duration between(base::Duration low, base::Duration high) noexcept {
        const auto width = static_cast<std::uint64_t>((high - low).count());
        return width == 0 ? low
                          : low + base::Duration(static_cast<base::Duration::rep>(next() % width));
    }
    /// A time below `high`, of any order of magnitude: short ones are as frequent as long ones.
    [[nodiscard]] base::Duration up_to(base::Duration high) noexcept {
        return between(base::Duration::zero(), high / (1LL << below(20)) + base::Duration(1));
    }

    /// An independent stream of numbers.
    [[nodiscard]] SimRandom fork() noexcept { return SimRandom(next()); }

private:
    std::uint64_t state_;
};

}  // namespace doed::test
