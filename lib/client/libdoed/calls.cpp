// SPDX-License-Identifier: Apache-2.0
//
// The functions of doed/doed.h that call doed, in both forms.
#include "base/dbus_names.hpp"
#include "client/libdoed/api.hpp"

#include <string_view>

#include <doed/doed.h>

using doed::client::copied;
using doed::client::Operation;
using doed::client::Ref;
using doed::client::Request;
using doed::client::Session;
using doed::client::with_bus;

namespace {

constexpr std::uint32_t known_cdat_flags = DOED_CDAT_REFRESH;

/// Runs the call and has `give` give out what came, which returns 0 or a negative errno value.
template <typename Ret, typename Give>
int run(doed_context* context, Operation operation, const char* path, std::uint32_t flags,
        const Ret* ret, Give&& give) noexcept {
    return with_bus(context, [&](Session& session) {
        if (path == nullptr || ret == nullptr || (flags & ~known_cdat_flags) != 0) {
            return -EINVAL;
        }
        int error = 0;
        const Ref<doed_call> call = session.run(
            Request{operation, path, (flags & DOED_CDAT_REFRESH) != 0, session.settings}, error);
        return error < 0 ? error : give(call->reply);
    });
}

int submit(doed_context* context, Operation operation, const char* path, std::uint32_t flags,
           doed_callback callback, void* userdata, doed_call** ret) noexcept {
    return with_bus(context, [&](Session& session) {
        if (path == nullptr || (flags & ~known_cdat_flags) != 0) {
            return -EINVAL;
        }
        return session.submit(
            Request{operation, path, (flags & DOED_CDAT_REFRESH) != 0, session.settings}, callback,
            userdata, ret);
    });
}

/// Gives out one reference.
template <typename T>
auto reference_to(T** ret, Ref<T> doed_reply::* member) {
    return [=](doed_reply& reply) {
        *ret = (reply.*member).release();
        return 0;
    };
}

auto text_to(char** ret) {
    return [=](const doed_reply& reply) {
        char* text = copied(*reply.text);
        if (text == nullptr) {
            return -ENOMEM;
        }
        *ret = text;
        return 0;
    };
}

constexpr const char* root = doed::names::root_path;

}  // namespace

extern "C" {

int doed_snapshot_get(doed_context* context, doed_snapshot** ret) {
    return run(context, Operation::snapshot, root, 0, ret,
               reference_to(ret, &doed_reply::snapshot));
}

int doed_snapshot_get_async(doed_context* context, doed_callback callback, void* userdata,
                            doed_call** ret) {
    return submit(context, Operation::snapshot, root, 0, callback, userdata, ret);
}

int doed_manager_get(doed_context* context, doed_manager** ret) {
    return run(context, Operation::manager, root, 0, ret, reference_to(ret, &doed_reply::manager));
}

int doed_manager_get_async(doed_context* context, doed_callback callback, void* userdata,
                           doed_call** ret) {
    return submit(context, Operation::manager, root, 0, callback, userdata, ret);
}

int doed_discover(doed_context* context, const char* mailbox_path, doed_features** ret) {
    return run(context, Operation::discover, mailbox_path, 0, ret,
               reference_to(ret, &doed_reply::features));
}

int doed_discover_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                        void* userdata, doed_call** ret) {
    return submit(context, Operation::discover, mailbox_path, 0, callback, userdata, ret);
}

int doed_reset(doed_context* context, const char* mailbox_path) {
    return run(context, Operation::reset, mailbox_path, 0, context,
               [](const doed_reply&) { return 0; });
}

int doed_reset_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                     void* userdata, doed_call** ret) {
    return submit(context, Operation::reset, mailbox_path, 0, callback, userdata, ret);
}

int doed_release(doed_context* context, const char* mailbox_path, int* ret_fd) {
    return run(context, Operation::release, mailbox_path, 0, ret_fd, [=](const doed_reply& reply) {
        *ret_fd = reply.fd.release();
        return 0;
    });
}

int doed_release_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                       void* userdata, doed_call** ret) {
    return submit(context, Operation::release, mailbox_path, 0, callback, userdata, ret);
}

int doed_trace(doed_context* context, const char* mailbox_path, char** ret_json) {
    return run(context, Operation::trace, mailbox_path, 0, ret_json, text_to(ret_json));
}

int doed_trace_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                     void* userdata, doed_call** ret) {
    return submit(context, Operation::trace, mailbox_path, 0, callback, userdata, ret);
}

int doed_cdat_table(doed_context* context, const char* mailbox_path, uint32_t flags,
                    uint8_t** ret_bytes, size_t* ret_size) {
    if (ret_size == nullptr) {
        return -EINVAL;
    }
    return run(context, Operation::table, mailbox_path, flags, ret_bytes,
               [=](const doed_reply& reply) {
                   const auto& bytes = *reply.bytes;
                   char* copy = copied({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
                   if (copy == nullptr) {
                       return -ENOMEM;
                   }
                   *ret_bytes = reinterpret_cast<std::uint8_t*>(copy);
                   *ret_size = bytes.size();
                   return 0;
               });
}

int doed_cdat_table_async(doed_context* context, const char* mailbox_path, uint32_t flags,
                          doed_callback callback, void* userdata, doed_call** ret) {
    return submit(context, Operation::table, mailbox_path, flags, callback, userdata, ret);
}

int doed_cdat_get(doed_context* context, const char* mailbox_path, uint32_t flags,
                  doed_cdat** ret) {
    return run(context, Operation::decoded, mailbox_path, flags, ret,
               reference_to(ret, &doed_reply::cdat));
}

int doed_cdat_get_async(doed_context* context, const char* mailbox_path, uint32_t flags,
                        doed_callback callback, void* userdata, doed_call** ret) {
    return submit(context, Operation::decoded, mailbox_path, flags, callback, userdata, ret);
}

int doed_cdat_json(doed_context* context, const char* mailbox_path, uint32_t flags,
                   char** ret_json) {
    return run(context, Operation::json, mailbox_path, flags, ret_json, text_to(ret_json));
}

int doed_cdat_json_async(doed_context* context, const char* mailbox_path, uint32_t flags,
                         doed_callback callback, void* userdata, doed_call** ret) {
    return submit(context, Operation::json, mailbox_path, flags, callback, userdata, ret);
}

int doed_cdat_refresh(doed_context* context, const char* mailbox_path, uint32_t* ret_sequence) {
    return run(context, Operation::refresh, mailbox_path, 0, ret_sequence,
               [=](const doed_reply& reply) {
                   *ret_sequence = reply.sequence;
                   return 0;
               });
}

int doed_cdat_refresh_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                            void* userdata, doed_call** ret) {
    return submit(context, Operation::refresh, mailbox_path, 0, callback, userdata, ret);
}

int doed_cdat_status_get(doed_context* context, const char* mailbox_path, doed_cdat_status** ret) {
    return run(context, Operation::status, mailbox_path, 0, ret,
               reference_to(ret, &doed_reply::status));
}

int doed_cdat_status_get_async(doed_context* context, const char* mailbox_path,
                               doed_callback callback, void* userdata, doed_call** ret) {
    return submit(context, Operation::status, mailbox_path, 0, callback, userdata, ret);
}

int doed_call_cancel(doed_call* call) {
    if (call == nullptr) {
        return -EINVAL;
    }
    // Delivered calls belong to no context, which may be gone.
    return call->session != nullptr ? call->session->cancel(*call) : -EALREADY;
}

doed_call* doed_call_ref(doed_call* call) {
    return doed::client::hold(call);
}

doed_call* doed_call_unref(doed_call* call) {
    return doed::client::drop(call);
}

}  // extern "C"
