// SPDX-License-Identifier: Apache-2.0
//
// How the process ends, as --help documents it, and what went wrong when it could not start.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace doed::daemon {

enum class ExitCode : std::uint8_t {
    ok = 0,
    failure = 1,          ///< anything without a code of its own
    usage = 2,            ///< wrong option, configuration or topology
    no_bus = 3,           ///< the bus cannot be reached, or the name is taken
    not_permitted = 4,    ///< root is needed, or the bus policy forbids the name
    second_instance = 5,  ///< another doed drives this host
};

/// One line for a person: what is wrong, and what to do about it.
struct StartupFailure {
    ExitCode code = ExitCode::failure;
    std::string message;
};

template <typename T>
using Startup = std::expected<T, StartupFailure>;

[[nodiscard]] inline std::unexpected<StartupFailure> startup_failure(ExitCode code,
                                                                     std::string message) {
    return std::unexpected(StartupFailure{code, std::move(message)});
}

/// For a file that a person wrote: where it says what is wrong with itself, nothing needs to be
/// added.
[[nodiscard]] inline std::unexpected<StartupFailure> file_failure(const base::Error& error) {
    if (error.code() == base::Errc::not_found) {
        return startup_failure(ExitCode::usage,
                               error.context() + " does not exist; name one that does");
    }
    if (error.code() == base::Errc::access_denied) {
        return startup_failure(ExitCode::usage,
                               error.context() +
                                   ": permission denied; let user doed read it (chmod o+r; "
                                   "o+x for its folder), or whoever has started this");
    }
    const bool complete = error.code() == base::Errc::invalid_argument && !error.context().empty();
    return startup_failure(ExitCode::usage, complete ? error.context() : error.message());
}

}  // namespace doed::daemon
