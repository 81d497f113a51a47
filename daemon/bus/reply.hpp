// SPDX-License-Identifier: Apache-2.0
//
// The answer that a method call still waits for. Copies stand for the same call; the first to
// answer wins, later ones are ignored, and a call nobody answered is answered Cancelled when the
// last copy goes. Never throws. Bus loop only.
//
// sd-bus compares a result with what the called object promised, in memory of that object's: an object that is no more must
// not be answered for. Its calls end with the error that it left with, which is not compared.
#pragma once

#include "daemon/bus/errors.hpp"
#include "daemon/bus/presence.hpp"
#include "daemon/bus/pump.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace doed::bus {

template <typename... Values>
class Reply {
public:
    /// `object`: the called one's.
    Reply(Pump& pump, std::shared_ptr<const Presence> object, sdbus::Result<Values...>&& result)
        : call_(std::make_shared<Call>(pump, std::move(object), std::move(result))) {}

    void succeed(const Values&... values) const noexcept {
        if (const auto& left = call_->object->left()) {
            fail(*left);
            return;
        }
        call_->answer([&](const auto& result) { result.returnResults(values...); });
    }
    void fail(const base::Error& error) const noexcept {
        call_->answer([&](const auto& result) { result.returnError(to_bus_error(error)); });
    }
    void fail(const sdbus::Error& error) const noexcept {
        call_->answer([&](const auto& result) { result.returnError(error); });
    }

    /// Lives until the call is answered.
    void keep(std::shared_ptr<const void> kept) const noexcept { call_->kept = std::move(kept); }

private:
    struct Call {
        Call(Pump& owner, std::shared_ptr<const Presence> called, sdbus::Result<Values...>&& open)
            : pump(owner), object(std::move(called)), result(std::move(open)) {}
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        ~Call() {
            answer([](const auto& open) {
                open.returnError(to_bus_error(base::Error(base::Errc::cancelled)));
            });
        }

        template <typename Send>
        void answer(Send send) noexcept {
            if (!result) {
                return;
            }
            const auto open = *std::exchange(result, std::nullopt);
            const auto until_answered = std::exchange(kept, nullptr);
            try {
                send(open);
                pump.kick();
            } catch (const std::exception& error) {
                admit(open, error.what());
            }
        }

        /// For an answer that could not be put into a message. When this fails too the connection is
        /// going, which the pump reports.
        void admit(const sdbus::Result<Values...>& open, const char* why) noexcept {
            try {
                open.returnError(make_error("org.freedesktop.DBus.Error.Failed", why));
                pump.kick();
            } catch (const std::exception&) {
                return;
            }
        }

        Pump& pump;
        std::shared_ptr<const Presence> object;
        std::optional<sdbus::Result<Values...>> result;
        std::shared_ptr<const void> kept;
    };

    std::shared_ptr<Call> call_;
};

}  // namespace doed::bus
