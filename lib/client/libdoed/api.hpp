// SPDX-License-Identifier: Apache-2.0
//
// What every function of C with a context does first.
#pragma once

#include "client/libdoed/boundary.hpp"
#include "client/libdoed/session.hpp"

#include <utility>

namespace doed::client {

/// Lets `work` do it with the session, if it may be used here and now.
template <typename Work>
int with_session(const doed_context* context, Work&& work) noexcept {
    if (context == nullptr) {
        return -EINVAL;
    }
    if (context->session.is_forked()) {
        return -ECHILD;
    }
    // The handle says const where its caller may not change anything; asking for a timeout changes nothing of theirs.
    auto& session = const_cast<doed_context*>(context)->session;
    if (session.is_ticking()) {
        return -EBUSY;
    }
    return guarded([&] { return work(session); });
}

/// The same for functions that call doed, whose last error is told.
template <typename Work>
int with_bus(doed_context* context, Work&& work) noexcept {
    if (context != nullptr) {
        context->session.forget_error();
    }
    return with_session(context, std::forward<Work>(work));
}

}  // namespace doed::client
