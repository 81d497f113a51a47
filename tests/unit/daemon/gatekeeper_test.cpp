// SPDX-License-Identifier: Apache-2.0
//
// Who may call what, with a polkit that says what a test wants, when it wants.
#include "daemon/bus/gatekeeper.hpp"

#include "base/dbus_names.hpp"
#include "daemon/bus/errors.hpp"
#include "on_a_bus.hpp"
#include "test_client.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::bus {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Keeps its questions until a test answers them.
class HeldAuthority final : public Authority {
public:
    struct Asked {
        AuthorityQuestion question;
        Answered answered;
        bool cancelled = false;
    };

    Cancel ask(const AuthorityQuestion& question, base::TimePoint, Answered answered) override {
        asked.push_back(std::make_shared<Asked>(Asked{question, std::move(answered)}));
        if (at_once) {
            asked.back()->answered(*at_once);
        }
        // Weak: what waits for the answer holds this.
        return [weak = std::weak_ptr(asked.back())] {
            if (const auto asked_for = weak.lock()) {
                asked_for->cancelled = true;
            }
        };
    }

    std::vector<std::shared_ptr<Asked>> asked;
    std::optional<base::Result<Verdict>> at_once;
};

constexpr std::uint32_t readers = 900;
constexpr Method get_table{names::cdat_interface, "GetTable"};
constexpr Method reset{names::mailbox_interface, "Reset"};
constexpr Method subscribe{names::manager_interface, "Subscribe"};

class TheGatekeeper : public OnABus {
protected:
    using Answer = std::optional<base::Result<RequestPtr>>;

    TheGatekeeper() { make({.own_uid = 0, .group = readers, .refreshes = {}, .denied = {}}); }
    void make(Gatekeeper::Setup setup) {
        setup.denied = [this](const Denial& denial) { denials.push_back(denial); };
        gate.emplace(clients, authority, std::move(setup));
    }

    std::shared_ptr<Answer> call(const std::string& client, const Method& method,
                                 MethodOptions options = {}) {
        if (options.deadline == base::TimePoint()) {
            options.deadline = std::chrono::steady_clock::now() + 1min;
        }
        auto answer = std::make_shared<Answer>();
        gate->admit({.client = client, .method = method, .subject = "0000:0d:00.0 mailbox 0x190"},
                    options, [answer](base::Result<RequestPtr> request) {
                        EXPECT_FALSE(*answer) << "answered twice";
                        *answer = std::move(request);
                    });
        return answer;
    }
    /// "yes", the name of the error, or "waits".
    static std::string outcome(const std::shared_ptr<Answer>& answer) {
        if (!*answer) {
            return "waits";
        }
        return **answer ? "yes" : std::string(error_name((*answer)->error().code()));
    }
    std::string decided(const std::string& client, const Method& method,
                        const MethodOptions& options = {}) {
        return outcome(call(client, method, options));
    }

    std::map<std::string, Credentials> users{
        {":root", {0, {0}}}, {":reader", {1000, {1000, readers}}}, {":nobody", {65534, {65534}}}};
    Clients clients{
        *peers, [this](const std::string& name, auto found) { found(users.at(name)); }, {}};
    HeldAuthority authority;
    std::vector<Denial> denials;
    std::optional<Gatekeeper> gate;
};

const std::string denied(error_name(Errc::access_denied));

TEST(TheListOfMethods, HasThoseThatTheContractHasAndNoOthers) {
    EXPECT_EQ(access_to(subscribe), Access::look);
    EXPECT_EQ(access_to(get_table), Access::read_cdat);
    EXPECT_EQ(access_to(reset), Access::manage);
    EXPECT_EQ(access_to({names::mailbox_interface, "Release"}), Access::manage);
    EXPECT_EQ(access_to({names::mailbox_interface, "Exchange"}), std::nullopt);
    EXPECT_EQ(access_to({names::cdat_interface, "Reset"}), std::nullopt);
}

TEST_F(TheGatekeeper, LetsRootDoWhatIsListedWithoutPolkit) {
    EXPECT_EQ(decided(":root", get_table), "yes");
    EXPECT_EQ(decided(":root", reset), "yes");
    EXPECT_EQ(decided(":root", {names::mailbox_interface, "Exchange"}), denied);
    EXPECT_THAT(authority.asked, IsEmpty());
}

TEST_F(TheGatekeeper, LetsEverybodySubscribeWithoutPolkit) {
    for (const char* const client : {":root", ":reader", ":nobody"}) {
        EXPECT_EQ(decided(client, subscribe), "yes");
    }
    EXPECT_THAT(authority.asked, IsEmpty());
}

TEST_F(TheGatekeeper, LetsTheServicesOwnUserDoAsMuch) {
    make({.own_uid = 65534, .group = readers, .refreshes = {}, .denied = {}});
    EXPECT_EQ(decided(":nobody", reset), "yes");
    EXPECT_EQ(decided(":nobody", {names::mailbox_interface, "Exchange"}), denied);
}

TEST_F(TheGatekeeper, LetsMembersReadAndAsksPolkitForTheRest) {
    EXPECT_EQ(decided(":reader", get_table), "yes");
    EXPECT_THAT(authority.asked, IsEmpty());
    const auto waiting = call(":reader", reset);
    EXPECT_EQ(outcome(waiting), "waits");
    ASSERT_EQ(authority.asked.size(), 1U);
    EXPECT_EQ(authority.asked[0]->question.action, "org.doed1.manage");
    EXPECT_EQ(authority.asked[0]->question.client, ":reader");
    EXPECT_FALSE(authority.asked[0]->question.interactive);
    authority.asked[0]->answered(Verdict::authorized);
    EXPECT_EQ(outcome(waiting), "yes");
}

TEST_F(TheGatekeeper, AsksPolkitForEverybodyElse) {
    const auto waiting = call(":nobody", get_table, {.interactive = true});
    ASSERT_EQ(authority.asked.size(), 1U);
    EXPECT_EQ(authority.asked[0]->question.action, "org.doed1.read-cdat");
    EXPECT_TRUE(authority.asked[0]->question.interactive);
    authority.asked[0]->answered(Verdict::refused);
    ASSERT_EQ(outcome(waiting), denied);
    EXPECT_EQ(
        (*waiting)->error().context(),
        "0000:0d:00.0 mailbox 0x190: org.doed1.Cdat.GetTable needs group doe, root, or polkit's "
        "org.doed1.read-cdat: polkit does not allow it");
    ASSERT_EQ(denials.size(), 1U);
    EXPECT_EQ(denials[0].uid, 65534U);
    EXPECT_EQ(denials[0].method, "org.doed1.Cdat.GetTable");
}

TEST_F(TheGatekeeper, NamesTheGroupThatIsConfigured) {
    make({.own_uid = 0, .group = readers, .group_name = "storage", .refreshes = {}, .denied = {}});
    authority.at_once = Verdict::refused;
    const auto answer = call(":nobody", get_table);
    ASSERT_EQ(outcome(answer), denied);
    EXPECT_THAT((*answer)->error().context(), HasSubstr("needs group storage, root"));
}

TEST_F(TheGatekeeper, TellsThatSomebodyWouldHaveToBeAsked) {
    authority.at_once = Verdict::challenge;
    const auto answer = call(":nobody", reset);
    ASSERT_EQ(outcome(answer), denied);
    EXPECT_THAT((*answer)->error().context(), HasSubstr("the option \"interactive\""));
}

TEST_F(TheGatekeeper, DeniesWhenPolkitCannotBeAsked) {
    authority.at_once = base::fail(Errc::io, "polkit cannot be asked: it is not there");
    const auto answer = call(":nobody", get_table);
    ASSERT_EQ(outcome(answer), denied);
    EXPECT_THAT((*answer)->error().context(), HasSubstr("polkit cannot be asked: it is not there"));
    EXPECT_EQ(decided(":reader", get_table), "yes");
    EXPECT_EQ(decided(":root", reset), "yes");
}

TEST_F(TheGatekeeper, WithoutAGroupLeavesReadingToRootAndPolkit) {
    make({.own_uid = 0, .group = std::nullopt, .refreshes = {}, .denied = {}});
    authority.at_once = Verdict::refused;
    EXPECT_EQ(decided(":reader", get_table), denied);
    EXPECT_EQ(decided(":root", get_table), "yes");
}

TEST_F(TheGatekeeper, DoesNotUseWhatPolkitSaysTooLate) {
    const auto late =
        call(":nobody", get_table, {.deadline = std::chrono::steady_clock::now() - 1ms});
    authority.asked[0]->answered(Verdict::authorized);
    EXPECT_EQ(outcome(late), error_name(Errc::deadline_exceeded));
}

TEST_F(TheGatekeeper, CountsWhatWaitsForPolkit) {
    std::vector<std::shared_ptr<Answer>> waiting;
    for (std::uint32_t i = 0; i < RequestLimits().per_client; ++i) {
        waiting.push_back(call(":nobody", get_table));
    }
    EXPECT_EQ(decided(":nobody", get_table), error_name(Errc::limits_exceeded));
    EXPECT_EQ(decided(":reader", get_table), "yes");
    authority.asked[0]->answered(Verdict::refused);
    EXPECT_EQ(decided(":nobody", get_table), "waits");
}

TEST_F(TheGatekeeper, AsksPolkitEightTimesForAUserAtOnceAndStillForOthers) {
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(decided(":nobody", reset), "waits");
    }
    EXPECT_EQ(decided(":nobody", reset), error_name(Errc::limits_exceeded));
    EXPECT_EQ(decided(":nobody", get_table), error_name(Errc::limits_exceeded));
    EXPECT_EQ(decided(":reader", reset), "waits");
    EXPECT_EQ(decided(":reader", get_table), "yes");
    EXPECT_EQ(authority.asked.size(), 9U);
    authority.asked[3]->answered(Verdict::refused);
    EXPECT_EQ(decided(":nobody", reset), "waits");
    EXPECT_EQ(decided(":nobody", reset), error_name(Errc::limits_exceeded));
}

TEST_F(TheGatekeeper, WithdrawsTheQuestionsOfAClientThatLeaves) {
    TestClient leaving(bus.address());
    users[leaving.name()] = {65534, {}};
    const auto waiting = call(leaving.name(), get_table);
    ASSERT_EQ(authority.asked.size(), 1U);
    leaving.leave();
    run_until([&] { return authority.asked[0]->cancelled; });
    EXPECT_EQ(outcome(waiting), error_name(Errc::cancelled));
    authority.asked[0]->answered(Verdict::authorized);
    EXPECT_EQ(outcome(waiting), error_name(Errc::cancelled));
}

TEST_F(TheGatekeeper, AnswersNobodyOnceItIsGone) {
    const auto waiting = call(":nobody", get_table);
    gate.reset();
    authority.asked[0]->answered(Verdict::authorized);
    EXPECT_EQ(outcome(waiting), "waits");
}

TEST_F(TheGatekeeper, WantsMoreForRefreshesThatComeTooOften) {
    make({.own_uid = 0, .group = readers, .refreshes = {.at_once = 3, .pause = 1h}, .denied = {}});
    authority.at_once = Verdict::refused;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(decided(":reader", get_table, {.refresh = true}), "yes");
    }
    EXPECT_EQ(decided(":reader", get_table, {.refresh = true}), denied);
    EXPECT_EQ(authority.asked.back()->question.action, "org.doed1.manage");
    EXPECT_EQ(decided(":reader", get_table), "yes") << "the copy is for every reader";
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(decided(":root", get_table, {.refresh = true}), "yes");
    }
}

TEST_F(TheGatekeeper, LetsRefreshAgainWhenTimeHasPassed) {
    make(
        {.own_uid = 0, .group = readers, .refreshes = {.at_once = 1, .pause = 20ms}, .denied = {}});
    authority.at_once = Verdict::refused;
    EXPECT_EQ(decided(":reader", get_table, {.refresh = true}), "yes");
    const auto end = std::chrono::steady_clock::now() + patience;
    while (decided(":reader", get_table, {.refresh = true}) == denied) {
        ASSERT_LT(std::chrono::steady_clock::now(), end);
    }
}

// What polkit's service is asked, over a real bus without one.
TEST_F(OnABus, PolkitThatIsNotThereCannotBeAsked) {
    Polkit polkit(*connection, *pump);
    std::optional<base::Result<Verdict>> verdict;
    const auto cancel =
        polkit.ask({":1.1", "org.doed1.manage", false}, std::chrono::steady_clock::now() + 10s,
                   [&](base::Result<Verdict> said) { verdict = std::move(said); });
    run_until([&] { return verdict.has_value(); });
    ASSERT_FALSE(*verdict);
    EXPECT_EQ(verdict->error().code(), Errc::io);
    EXPECT_THAT(verdict->error().context(), HasSubstr("polkit cannot be asked: "));
    cancel();
}

}  // namespace
}  // namespace doed::bus
