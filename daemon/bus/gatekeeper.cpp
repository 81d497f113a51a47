// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/gatekeeper.hpp"

#include "base/dbus_names.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

namespace doed::bus {

namespace {

// A system bus lets doed wait for 128 replies: no user takes polkit's from the others.
constexpr std::uint32_t max_questions_per_user = 8;

struct Rule {
    Method method;
    Access access;
};

constexpr Rule rules[] = {
    {{names::manager_interface, "Subscribe"}, Access::look},
    {{names::mailbox_interface, "Discover"}, Access::read_cdat},
    {{names::mailbox_interface, "GetTrace"}, Access::read_cdat},
    {{names::mailbox_interface, "Reset"}, Access::manage},
    {{names::mailbox_interface, "Release"}, Access::manage},
    {{names::cdat_interface, "GetTable"}, Access::read_cdat},
    {{names::cdat_interface, "GetTableFd"}, Access::read_cdat},
    {{names::cdat_interface, "GetJson"}, Access::read_cdat},
    {{names::cdat_interface, "Refresh"}, Access::read_cdat},
};

std::string name_of(const Method& method) {
    return std::string(method.interface) + "." + std::string(method.name);
}

/// How many more refreshes each user may ask for. A user who could have all of them is not in the books.
class Refreshes {
public:
    explicit Refreshes(const RefreshLimits& limits) : limits_(limits) {}

    /// Takes one; false when there is none.
    bool take(std::uint32_t uid, base::TimePoint now) {
        std::erase_if(full_again_, [now](const auto& user) { return user.second <= now; });
        // Each one that was taken puts the time when all are there again off by one pause.
        base::TimePoint& full_again = full_again_.try_emplace(uid, now).first->second;
        if (full_again + limits_.pause - now > limits_.pause * limits_.at_once) {
            return false;
        }
        full_again += limits_.pause;
        return true;
    }

private:
    RefreshLimits limits_;
    std::map<std::uint32_t, base::TimePoint> full_again_;
};

}  // namespace

std::string_view action_of(Access access) noexcept {
    switch (access) {
        case Access::look: return "";
        case Access::read_cdat: return "org.doed1.read-cdat";
        case Access::manage: return "org.doed1.manage";
    }
    return "";
}

std::optional<Access> access_to(const Method& method) noexcept {
    const auto found = std::ranges::find_if(rules, [&](const Rule& rule) {
        return rule.method.interface == method.interface && rule.method.name == method.name;
    });
    return found == std::end(rules) ? std::nullopt : std::optional(found->access);
}

/// What is left of a gatekeeper when polkit's answer comes is this, or nothing.
class Gatekeeper::Desk : public std::enable_shared_from_this<Desk> {
public:
    Desk(Authority& authority, Setup setup)
        : authority_(authority), setup_(std::move(setup)), refreshes_(setup_.refreshes) {}

    void decide(const Call& call, const MethodOptions& options, RequestPtr request,
                Admitted admitted);

private:
    struct Question {
        Call call;
        Access access;
        RequestPtr request;
        Admitted admitted;
    };

    /// One more question for the user; counted until what this returns is dropped. Null when there are too many.
    [[nodiscard]] std::shared_ptr<void> begin_question(std::uint32_t uid);
    [[nodiscard]] bool is_trusted(const Credentials& who) const noexcept {
        return who.is_root() || who.uid == setup_.own_uid;
    }
    [[nodiscard]] Access needed(Access access, const MethodOptions& options,
                                const Credentials& who);
    void answer(Question& question, const base::Result<Verdict>& verdict, base::TimePoint deadline);
    void deny(Question& question, const std::string& reason);

    Authority& authority_;
    Setup setup_;
    Refreshes refreshes_;
    std::map<std::uint32_t, std::uint32_t> questions_;  ///< that polkit has, by user; none is 0
};

std::shared_ptr<void> Gatekeeper::Desk::begin_question(std::uint32_t uid) {
    std::uint32_t& count = questions_[uid];
    if (count == max_questions_per_user) {
        return nullptr;
    }
    ++count;
    // Not the count's address: what is dropped last may be dropped after the desk.
    return {this, [weak = weak_from_this(), uid](void*) {
                if (const auto self = weak.lock(); self && --self->questions_[uid] == 0) {
                    self->questions_.erase(uid);
                }
            }};
}

/// A device that is read again and again is kept from others.
Access Gatekeeper::Desk::needed(Access access, const MethodOptions& options,
                                const Credentials& who) {
    const bool too_often = access == Access::read_cdat && options.refresh && !is_trusted(who) &&
                           !refreshes_.take(who.uid, std::chrono::steady_clock::now());
    return too_often ? Access::manage : access;
}

void Gatekeeper::Desk::decide(const Call& call, const MethodOptions& options, RequestPtr request,
                              Admitted admitted) {
    const Credentials who = request->credentials();
    const auto listed = access_to(call.method);
    const auto question = std::make_shared<Question>(
        Question{call, listed.value_or(Access::manage), std::move(request), std::move(admitted)});
    if (!listed) {
        deny(*question, "nobody may call it");
        return;
    }
    question->access = needed(*listed, options, who);
    const bool member = setup_.group && who.in_group(*setup_.group);
    if (*listed == Access::look || is_trusted(who) ||
        (member && question->access == Access::read_cdat)) {
        question->admitted(std::move(question->request));
        return;
    }
    auto counted = begin_question(who.uid);
    if (!counted) {
        question->request.reset();
        std::exchange(question->admitted, nullptr)(base::fail(
            base::Errc::limits_exceeded, question->call.subject + ": polkit is being asked " +
                                             std::to_string(max_questions_per_user) +
                                             " times for user " + std::to_string(who.uid)));
        return;
    }
    const auto cancel =
        authority_.ask({call.client, std::string(action_of(question->access)), options.interactive},
                       options.deadline,
                       [weak = weak_from_this(), question, counted = std::move(counted),
                        deadline = options.deadline](const base::Result<Verdict>& verdict) mutable {
                           counted.reset();
                           if (const auto self = weak.lock(); self && question->admitted) {
                               self->answer(*question, verdict, deadline);
                           }
                       });
    if (question->request) {
        // Weak: the request keeps this.
        question->request->on_withdrawn([weak = std::weak_ptr(question), cancel] {
            cancel();
            if (const auto asked = weak.lock(); asked && asked->admitted) {
                std::exchange(asked->admitted, nullptr)(base::fail(
                    base::Errc::cancelled, asked->call.subject + ": the client has left the bus"));
                asked->request.reset();
            }
        });
    }
}

void Gatekeeper::Desk::answer(Question& question, const base::Result<Verdict>& verdict,
                              base::TimePoint deadline) {
    question.request->on_withdrawn(nullptr);
    if (std::chrono::steady_clock::now() >= deadline) {
        std::exchange(question.admitted, nullptr)(
            base::fail(base::Errc::deadline_exceeded,
                       question.call.subject + ": polkit has not decided in time"));
        question.request.reset();
        return;
    }
    if (!verdict) {
        deny(question, verdict.error().context());
        return;
    }
    switch (*verdict) {
        case Verdict::authorized:
            std::exchange(question.admitted, nullptr)(std::move(question.request));
            return;
        case Verdict::challenge:
            deny(question,
                 "somebody would have to be asked, which takes the option \"interactive\"");
            return;
        case Verdict::refused: deny(question, "polkit does not allow it"); return;
    }
}

/// The client is told what would be needed; why it is not there is for the log too.
void Gatekeeper::Desk::deny(Question& question, const std::string& reason) {
    const std::string action(action_of(question.access));
    const std::string needed =
        question.access == Access::manage
            ? "needs root or polkit's " + action
            : "needs group " + setup_.group_name + ", root, or polkit's " + action;
    const std::string method = name_of(question.call.method);
    if (setup_.denied) {
        setup_.denied(
            {question.call.client, question.request->uid(), method, question.call.subject, reason});
    }
    question.request.reset();
    std::exchange(question.admitted, nullptr)(
        base::fail(base::Errc::access_denied,
                   question.call.subject + ": " + method + " " + needed + ": " + reason));
}

Gatekeeper::Gatekeeper(Clients& clients, Authority& authority, Setup setup)
    : clients_(clients), desk_(std::make_shared<Desk>(authority, std::move(setup))) {}

Gatekeeper::~Gatekeeper() = default;

void Gatekeeper::admit(const Call& call, const MethodOptions& options, Admitted admitted) {
    clients_.admit(call.client, call.charge,
                   [weak = std::weak_ptr(desk_), call, options,
                    admitted = std::move(admitted)](base::Result<RequestPtr> request) mutable {
                       const auto desk = weak.lock();
                       if (!desk) {
                           return;
                       }
                       if (!request) {
                           admitted(std::unexpected(request.error().in(call.subject)));
                           return;
                       }
                       desk->decide(call, options, std::move(*request), std::move(admitted));
                   });
}

}  // namespace doed::bus
