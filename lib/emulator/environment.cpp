// SPDX-License-Identifier: Apache-2.0
#include "emulator/environment.hpp"

#include <thread>

namespace doed::emulator {

Environment Environment::real() {
    return {
        .now = [] { return base::TimePoint(std::chrono::steady_clock::now()); },
        .pause = [](base::Duration time) { std::this_thread::sleep_for(time); },
    };
}

}  // namespace doed::emulator
