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

/// A type of its own, which the adaptors name (dbus/make_adaptor), so that it can be read in its own way.
class OptionMap : public std::map<std::string, sdbus::Variant> {
public:
    using map::map;
};

/// Takes options out of a call, before anybody knows who makes it: a few at most, and of them only what is the option of some
/// method, of the right type. The library would make an object of every entry and copy every value of the largest message
/// that the bus lets pass, at a hundred times its size. Throws InvalidArgs as an sdbus::Error, the one kind of exception that
/// may be thrown while arguments are read; what has not been read of the message then is left.
sdbus::Message& operator>>(sdbus::Message& message, OptionMap& options);

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

template <>
struct sdbus::signature_of<doed::bus::OptionMap>
    : sdbus::signature_of<std::map<std::string, sdbus::Variant>> {};
