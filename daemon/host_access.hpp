// SPDX-License-Identifier: Apache-2.0
//
// How this process comes to what only root may open on this host, and gets rid of every right of its own.
#pragma once

#include "daemon/exit_code.hpp"
#include "daemon/opener/client.hpp"
#include "daemon/options.hpp"

#include <memory>

namespace doed::daemon {

/// The opener for the options: the one that they name, or one that is started here, beside this program. Then, as root on this
/// host, becomes the user that the options name, for good and without any capability; the runtime directory is made that
/// user's before. Null for an emulated host. Called once, before there are threads. Failures: not_permitted, failure.
[[nodiscard]] Startup<std::unique_ptr<opener::Client>> gain_access(const Options& options);

}  // namespace doed::daemon
