// SPDX-License-Identifier: Apache-2.0
//
// How long a device takes to respond: fixed, anything between two bounds, or either of the two, drawn from a seeded generator
// so that a run can be repeated.
#pragma once

#include "base/scheduler.hpp"

#include <cstdint>
#include <random>

namespace doed::emulator {

/// The bounds of a response time; equal for a fixed one. min <= max.
struct ResponseTimeRange {
    base::Duration min{};
    base::Duration max{};
    bool nothing_between = false;  ///< either min or max

    friend bool operator==(const ResponseTimeRange&, const ResponseTimeRange&) = default;
};

class ResponseTime {
public:
    explicit ResponseTime(const ResponseTimeRange& range, std::uint64_t seed = 0);

    /// The time the next response takes, each that there may be with the same probability.
    [[nodiscard]] base::Duration next();

private:
    ResponseTimeRange range_;
    std::mt19937_64 generator_;
};

}  // namespace doed::emulator
