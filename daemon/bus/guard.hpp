// SPDX-License-Identifier: Apache-2.0
//
// What every method handler runs in. No exception leaves a handler: the first generation of
// sdbus-c++ lets one that is not its own end the process. Whatever is thrown becomes the call's
// error.
#pragma once

#include "daemon/bus/method_options.hpp"
#include "daemon/bus/reply.hpp"

#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <utility>

namespace doed::bus {

/// Calls `body(Reply)`; `object` is as for Reply.
template <typename... Values, typename Body>
void guard(Pump& pump, const std::shared_ptr<void>& object, sdbus::Result<Values...>&& result,
           Body body) noexcept {
    std::optional<Reply<Values...>> reply;
    try {
        reply.emplace(pump, object, std::move(result));
        body(*reply);
    } catch (const sdbus::Error& error) {
        if (reply) {
            reply->fail(error);
        }
    } catch (const std::bad_alloc&) {
        if (reply) {
            reply->fail(base::Error(base::Errc::limits_exceeded, "out of memory"));
        }
    } catch (const std::exception& error) {
        if (reply) {
            reply->fail(make_error("org.freedesktop.DBus.Error.Failed", error.what()));
        }
    }
}

/// A handler with options: calls `body(Reply, MethodOptions)`, or refuses the options.
template <typename... Values, typename Body>
void serve(Pump& pump, const std::shared_ptr<void>& object, sdbus::Result<Values...>&& result,
           const OptionMap& options, KnownOptions known, base::Duration default_deadline,
           Body body) noexcept {
    guard(pump, object, std::move(result), [&](const Reply<Values...>& reply) {
        const auto parsed = parse_method_options(options, known, std::chrono::steady_clock::now(),
                                                 default_deadline);
        if (!parsed) {
            reply.fail(parsed.error());
            return;
        }
        body(reply, *parsed);
    });
}

}  // namespace doed::bus
