// SPDX-License-Identifier: Apache-2.0
//
// Tells the log who was refused what. A user who asks again and again gets a line for the first refusal and one for each
// pause after it, with the number of those between. Bus loop only.
#pragma once

#include "base/scheduler.hpp"
#include "daemon/bus/gatekeeper.hpp"
#include "daemon/log.hpp"

#include <chrono>
#include <cstdint>
#include <map>

namespace doed::daemon {

class DenialLog {
public:
    static constexpr std::chrono::seconds pause{60};

    explicit DenialLog(const Log& log) : log_(log) {}

    void note(const bus::Denial& denial, base::TimePoint now = std::chrono::steady_clock::now());

private:
    struct User {
        base::TimePoint next{};  ///< no line before
        std::uint64_t untold = 0;
    };

    const Log& log_;
    std::map<std::uint32_t, User> users_;
};

}  // namespace doed::daemon
