// SPDX-License-Identifier: Apache-2.0
//
// doed from its command line to its exit code: options, configuration, and then the daemon's life, which daemon.hpp tells of.
// Whatever keeps it from starting is one line on standard error and one of the exit codes that --help lists.
#pragma once

#include "daemon/daemon.hpp"

#include <functional>

namespace doed::daemon {

/// Returns the exit code. `started` is called once the daemon has started, before it serves; doed itself has nothing to do
/// there, a test program may hold on to what it means to break.
[[nodiscard]] int doed_main(int argc, char** argv,
                            const std::function<void(Daemon&)>& started = {}) noexcept;

}  // namespace doed::daemon
