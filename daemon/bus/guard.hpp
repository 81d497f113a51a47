// SPDX-License-Identifier: Apache-2.0
//
// What every method handler runs in. No exception leaves a handler: the first generation of
// sdbus-c++ lets one that is not its own end the process. Whatever is thrown becomes the call's
// error.
#pragma once

#include "daemon/bus/gatekeeper.hpp"
#include "daemon/bus/method_options.hpp"
#include "daemon/bus/reply.hpp"

#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace doed::bus {

/// Calls `body()`. What it throws becomes the call's error.
template <typename... Values, typename Body>
void guard(const Reply<Values...>& reply, Body body) noexcept {
    try {
        body();
    } catch (const sdbus::Error& error) {
        reply.fail(error);
    } catch (const std::bad_alloc&) {
        reply.fail(base::Error(base::Errc::limits_exceeded, "out of memory"));
    } catch (const std::exception& error) {
        reply.fail(make_error("org.freedesktop.DBus.Error.Failed", error.what()));
    }
}

/// Calls `body(Reply)`; `object`: the called one's.
template <typename... Values, typename Body>
void guard(Pump& pump, const OwnPresence& object, sdbus::Result<Values...>&& result,
           Body body) noexcept {
    try {
        const Reply<Values...> reply(pump, object.share(), std::move(result));
        guard(reply, [&] { body(reply); });
    } catch (const std::exception&) {
        return;  // no memory for the answer
    }
}

/// A handler with options: calls `body(Reply, MethodOptions)`, or refuses the options.
template <typename... Values, typename Body>
void serve(Pump& pump, const OwnPresence& object, sdbus::Result<Values...>&& result,
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

/// Calls `body(Reply, MethodOptions)` once the client is known, may do this and is within its limits: at once or later, so that
/// it refers to nothing but what it owns. The request lives until the call is answered.
template <typename... Values, typename Body>
void admit(Gatekeeper& gate, const Gatekeeper::Call& call, const Reply<Values...>& reply,
           const MethodOptions& options, Body body) {
    gate.admit(call, options,
               [reply, options = options,
                body = std::move(body)](base::Result<RequestPtr> request) mutable {
                   guard(reply, [&] {
                       if (!request) {
                           reply.fail(request.error());
                           return;
                       }
                       reply.keep(*request);
                       options.request = std::move(*request);
                       body(reply, options);
                   });
               });
}

}  // namespace doed::bus
