// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value or an Error. The direct caller looks at it; nothing in lib/ throws on purpose.
#pragma once

#include "base/error.hpp"

#include <expected>
#include <source_location>
#include <string>
#include <utility>

namespace doed::base {

template <typename T>
using Result = std::expected<T, Error>;

/// `return fail(Errc::io, "...")` from any function that returns a Result.
[[nodiscard]] inline std::unexpected<Error> fail(
    Errc code, std::string context = {},
    std::source_location where = std::source_location::current()) {
    return std::unexpected<Error>(Error(code, std::move(context), where));
}

}  // namespace doed::base
