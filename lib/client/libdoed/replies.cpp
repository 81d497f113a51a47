// SPDX-License-Identifier: Apache-2.0
//
// The functions of doed/doed.h about replies and events.
#include "base/event.hpp"
#include "client/libdoed/api.hpp"
#include "client/libdoed/subscription.hpp"

#include <string_view>

#include <doed/doed.h>

using doed::client::Session;
using doed::client::with_bus;

extern "C" {

int doed_reply_error(const doed_reply* reply) {
    return reply != nullptr ? reply->error : -EINVAL;
}

const char* doed_reply_error_name(const doed_reply* reply) {
    return reply != nullptr ? reply->error_name.c_str() : nullptr;
}

const char* doed_reply_error_message(const doed_reply* reply) {
    return reply != nullptr ? reply->error_message.c_str() : nullptr;
}

doed_snapshot* doed_reply_snapshot(const doed_reply* reply) {
    return reply != nullptr ? reply->snapshot.get() : nullptr;
}

doed_manager* doed_reply_manager(const doed_reply* reply) {
    return reply != nullptr ? reply->manager.get() : nullptr;
}

doed_features* doed_reply_features(const doed_reply* reply) {
    return reply != nullptr ? reply->features.get() : nullptr;
}

doed_cdat_status* doed_reply_cdat_status(const doed_reply* reply) {
    return reply != nullptr ? reply->status.get() : nullptr;
}

doed_cdat* doed_reply_cdat(const doed_reply* reply) {
    return reply != nullptr ? reply->cdat.get() : nullptr;
}

const char* doed_reply_text(const doed_reply* reply) {
    return reply != nullptr && reply->text ? reply->text->c_str() : nullptr;
}

const uint8_t* doed_reply_bytes(const doed_reply* reply, size_t* ret_size) {
    static const uint8_t none = 0;
    const bool has_bytes = reply != nullptr && reply->bytes.has_value();
    if (ret_size != nullptr) {
        *ret_size = has_bytes ? reply->bytes->size() : 0;
    }
    if (!has_bytes) {
        return nullptr;
    }
    return reply->bytes->empty() ? &none : reply->bytes->data();
}

uint32_t doed_reply_sequence(const doed_reply* reply) {
    return reply != nullptr ? reply->sequence : 0;
}

int doed_reply_take_fd(const doed_reply* reply) {
    return reply != nullptr ? reply->fd.release() : -1;
}

int doed_subscribe(doed_context* context, doed_event_callback callback, void* userdata,
                   doed_subscription** ret) {
    return with_bus(context, [&](Session& session) {
        if (callback == nullptr || ret == nullptr) {
            return -EINVAL;
        }
        if (const int error = session.begin(); error < 0) {
            return error;
        }
        auto subscription = doed::client::make_ref<doed_subscription>(session, callback, userdata);
        session.add(subscription);
        if (const int error = subscription->begin(); error < 0) {
            subscription->end();
            return error;
        }
        *ret = subscription.release();
        return 0;
    });
}

doed_subscription* doed_subscription_unref(doed_subscription* subscription) {
    if (subscription != nullptr) {
        subscription->end();
    }
    return doed::client::drop(subscription);
}

const char* doed_event_type_name(uint32_t type) {
    switch (type) {
        case DOED_EVENT_DAEMON_GONE: return "daemon-gone";
        case DOED_EVENT_DAEMON_RESTARTED: return "daemon-restarted";
        case DOED_EVENT_REFUSED: return "refused";
        case DOED_EVENT_DISCONNECTED: return "disconnected";
        default: break;
    }
    if (type > DOED_EVENT_DRIVER_SPECIFIC) {
        return "unknown";
    }
    // The names are literals, which end with a zero.
    const std::string_view name = doed::base::to_string(static_cast<doed::base::EventType>(type));
    return name.empty() ? "unknown" : name.data();
}

}  // extern "C"
