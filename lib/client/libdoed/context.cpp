// SPDX-License-Identifier: Apache-2.0
//
// The functions of doed/doed.h about contexts, their settings and their loop.
#include "client/libdoed/api.hpp"
#include "client/libdoed/errors.hpp"

#include <memory>
#include <string>

#include <doed/doed.h>
#include <poll.h>

using doed::client::guarded;
using doed::client::Place;
using doed::client::Session;
using doed::client::with_session;

namespace {

constexpr std::uint32_t known_flags = DOED_ALLOW_INTERACTIVE_AUTHORIZATION | DOED_NO_AUTOSTART;

}  // namespace

extern "C" {

const char* doed_version(void) {
    return DOED_VERSION;
}

int doed_new(doed_context** ret) {
    if (ret == nullptr) {
        return -EINVAL;
    }
    return guarded([&] {
        auto context = std::make_unique<doed_context>();
        const int error = context->session.open();
        if (error == 0) {
            *ret = context.release();
        }
        return error;
    });
}

doed_context* doed_ref(doed_context* context) {
    if (context != nullptr) {
        ++context->references;
    }
    return context;
}

doed_context* doed_unref(doed_context* context) {
    if (context == nullptr || --context->references > 0) {
        return nullptr;
    }
    if (context->session.is_forked()) {
        context->session.abandon();
        // Its destructors would talk to the parent's bus.
        return nullptr;
    }
    // Callbacks that take and drop references of it in passing must not end it twice.
    ++context->references;
    context->session.end();
    delete context;
    return nullptr;
}

int doed_set_bus(doed_context* context, const char* where) {
    return with_session(context, [&](Session& session) {
        Place place;
        const int error = where != nullptr ? doed::client::parse_place(where, place) : -EINVAL;
        return error < 0 ? error : session.set_place(std::move(place));
    });
}

int doed_set_host(doed_context* context, const char* host) {
    return with_session(context, [&](Session& session) {
        // An option of ssh is no host.
        if (host == nullptr || *host == '\0' || *host == '-') {
            return -EINVAL;
        }
        return session.set_place({Place::Kind::host, host});
    });
}

int doed_set_deadline(doed_context* context, uint64_t usec) {
    return with_session(context, [&](Session& session) {
        if (usec == 0) {
            return -EINVAL;
        }
        session.settings.deadline_usec = usec;
        return 0;
    });
}

int doed_set_flags(doed_context* context, uint32_t flags) {
    return with_session(context, [&](Session& session) {
        if ((flags & ~known_flags) != 0) {
            return -EINVAL;
        }
        session.settings.interactive = (flags & DOED_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;
        session.settings.autostart = (flags & DOED_NO_AUTOSTART) == 0;
        return 0;
    });
}

int doed_set_tick(doed_context* context, doed_tick tick, void* userdata) {
    return with_session(context, [&](Session& session) {
        session.tick = tick;
        session.tick_data = userdata;
        return 0;
    });
}

int doed_connect(doed_context* context) {
    return doed::client::with_bus(context, [](Session& session) { return session.connect(); });
}

const char* doed_last_error_name(const doed_context* context) {
    return context != nullptr ? context->session.last_name().c_str() : nullptr;
}

const char* doed_last_error_message(const doed_context* context) {
    return context != nullptr ? context->session.last_message().c_str() : nullptr;
}

int doed_error_to_errno(const char* name) {
    return name != nullptr ? doed::client::errno_of(name) : -EINVAL;
}

int doed_get_fd(const doed_context* context) {
    return with_session(context, [](const Session& session) { return session.fd(); });
}

int doed_get_events(const doed_context* context) {
    return with_session(context, [](const Session&) { return int{POLLIN}; });
}

int doed_get_timeout(doed_context* context, uint64_t* ret_usec) {
    return with_session(context, [&](Session& session) {
        if (ret_usec == nullptr) {
            return -EINVAL;
        }
        *ret_usec = session.next_usec();
        return 0;
    });
}

int doed_process(doed_context* context) {
    // A callback may drop the last reference.
    doed_ref(context);
    const int result = with_session(context, [](Session& session) { return session.process(); });
    doed_unref(context);
    return result;
}

int doed_wait(doed_context* context, uint64_t timeout_usec) {
    return with_session(context, [&](Session& session) { return session.wait(timeout_usec); });
}

}  // extern "C"
