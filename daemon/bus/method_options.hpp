// SPDX-License-Identifier: Apache-2.0
//
// The trailing a{sv} of every method, and what goes with a call from there on. What a method does not know is refused, so
// that a misspelt or future option is never silently ignored.
#pragma once

#include "base/result.hpp"
#include "base/scheduler.hpp"
#include "daemon/bus/compat.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace doed::bus {

class Request;

using OptionMap = std::map<std::string, sdbus::Variant>;

struct MethodOptions {
    base::TimePoint deadline;  ///< when the caller stops waiting
    bool refresh = false;      ///< read the device, not the copy
    bool interactive = false;  ///< the user may be asked
    std::shared_ptr<Request>
        request;  ///< what it counts as; none for what the service wants itself
};

/// Longest deadline that is kept as it was asked for.
inline constexpr std::chrono::hours longest_deadline{1};

enum class KnownOptions : std::uint8_t {
    common,        ///< deadline-usec, interactive
    with_refresh,  ///< and refresh
};

/// Error: invalid_argument, naming the key.
[[nodiscard]] base::Result<MethodOptions> parse_method_options(const OptionMap& options,
                                                               KnownOptions known,
                                                               base::TimePoint now,
                                                               base::Duration default_deadline);

}  // namespace doed::bus
