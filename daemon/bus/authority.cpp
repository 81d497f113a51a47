// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/authority.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <utility>

namespace doed::bus {

namespace {

constexpr char authority_interface[] = "org.freedesktop.PolicyKit1.Authority";
constexpr std::uint32_t allow_user_interaction = 1;
// A call without a time limit would wait for as long as the library thinks right.
constexpr std::chrono::milliseconds shortest_wait{1};
// Where nobody has to be asked polkit answers at once, or has to be started for it. An answer may also be lost: dbus-daemon drops
// its own messages to a receiver for which too many descriptors wait. Else the caller's deadline would hold, an hour at most.
constexpr std::chrono::seconds longest_wait{10};

using Details = std::map<std::string, std::string>;
using Subject = sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>>;
/// Whether it is authorized, whether it would be after a challenge, details.
using Result = sdbus::Struct<bool, bool, Details>;

std::unexpected<base::Error> not_told(const std::string& why) {
    return base::fail(base::Errc::io,
                      "polkit cannot be asked: " + why +
                          " (polkit.service has to run, and "
                          "/usr/share/polkit-1/actions/org.doed1.policy to be there)");
}

}  // namespace

struct Polkit::Line {
    Line(sdbus::IConnection& connection, Pump& owner)
        : pump(owner),
          proxy(make_proxy(connection, "org.freedesktop.PolicyKit1",
                           "/org/freedesktop/PolicyKit1/Authority")) {}

    void cancel(const std::string& id) {
        try {
            proxy->callMethodAsync("CancelCheckAuthorization")
                .onInterface(authority_interface)
                .withArguments(id)
                .uponReplyInvoke(reply_handler<>([](const sdbus::Error*) noexcept {}));
            pump.kick();
        } catch (const std::exception&) {
            return;  // the connection is going, which the pump reports; polkit sees that too
        }
    }

    Pump& pump;
    std::unique_ptr<sdbus::IProxy> proxy;
    std::uint64_t next_id = 1;
};

Polkit::Polkit(sdbus::IConnection& connection, Pump& pump)
    : line_(std::make_shared<Line>(connection, pump)) {}

Authority::Cancel Polkit::ask(const AuthorityQuestion& question, base::TimePoint deadline,
                              Answered answered) {
    // Of the ids of one connection to polkit none may be used twice at a time.
    const std::string id = "doed-" + std::to_string(line_->next_id++);
    auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        deadline - std::chrono::steady_clock::now());
    if (!question.interactive) {
        left = std::min<std::chrono::microseconds>(left, longest_wait);
    }
    const auto shared = std::make_shared<Answered>(std::move(answered));
    const auto waits = std::make_shared<bool>(true);
    try {
        line_->proxy->callMethodAsync("CheckAuthorization")
            .onInterface(authority_interface)
            .withTimeout(std::max<std::chrono::microseconds>(left, shortest_wait))
            .withArguments(Subject{"system-bus-name", {{"name", sdbus::Variant(question.client)}}},
                           question.action, Details{},
                           question.interactive ? allow_user_interaction : 0U, id)
            .uponReplyInvoke(reply_handler<Result>(
                [shared, waits, id, weak = std::weak_ptr(line_)](const sdbus::Error* error,
                                                                 const Result& result) noexcept {
                    const bool waited = std::exchange(*waits, false);
                    if (error != nullptr) {
                        // What has taken too long for us goes on over there.
                        if (const auto line = weak.lock(); line && waited) {
                            line->cancel(id);
                        }
                        (*shared)(not_told(error->getMessage()));
                    } else if (std::get<0>(result)) {
                        (*shared)(Verdict::authorized);
                    } else {
                        (*shared)(std::get<1>(result) ? Verdict::challenge : Verdict::refused);
                    }
                }));
        line_->pump.kick();
    } catch (const std::exception& error) {
        *waits = false;
        (*shared)(not_told(error.what()));
    }
    return [weak = std::weak_ptr(line_), waits, id] {
        if (const auto line = weak.lock(); line && std::exchange(*waits, false)) {
            line->cancel(id);
        }
    };
}

}  // namespace doed::bus
