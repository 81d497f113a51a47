// SPDX-License-Identifier: Apache-2.0
//
// Who may have how much under way, and what becomes of it: clients of a real bus, and users that a test makes up.
#include "daemon/bus/clients.hpp"

#include "daemon/bus/user_lookup.hpp"
#include "on_a_bus.hpp"
#include "test_client.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace doed::bus {
namespace {

using base::Errc;
using testing::HasSubstr;

class TheClients : public OnABus {
protected:
    using Answer = std::optional<base::Result<RequestPtr>>;

    void make(const RequestLimits& limits) {
        clients.emplace(
            *peers,
            [this](const std::string& name, auto found) {
                ++lookups[name];
                if (const auto user = users.find(name); user != users.end()) {
                    found(user->second);
                } else {
                    unknown.emplace(name, std::move(found));
                }
            },
            limits);
    }
    Answer ask(const std::string& name) {
        Answer answer;
        clients->admit(name, [&](base::Result<RequestPtr> request) {
            EXPECT_FALSE(answer) << "answered twice";
            answer = std::move(request);
        });
        return answer;
    }
    /// A request that must be admitted at once.
    RequestPtr admitted(const std::string& name) {
        const Answer answer = ask(name);
        if (!answer || !*answer) {
            ADD_FAILURE() << name << ": " << (answer ? answer->error().message() : "no answer");
            return nullptr;
        }
        return **answer;
    }
    std::string refusal(const std::string& name) {
        const Answer answer = ask(name);
        if (!answer || *answer) {
            return answer ? "admitted" : "no answer";
        }
        EXPECT_EQ(answer->error().code(), Errc::limits_exceeded);
        return answer->error().message();
    }

    std::map<std::string, std::uint32_t> users{{":a", 1}, {":b", 1}, {":c", 2}};
    std::map<std::string, int> lookups;
    std::map<std::string, std::move_only_function<void(base::Result<std::uint32_t>)>> unknown;
    std::optional<Clients> clients;
};

TEST_F(TheClients, AreKnownByTheirUserWhoIsAskedForOnce) {
    make({});
    const auto first = admitted(":a");
    const auto second = admitted(":a");
    const auto other = admitted(":c");
    ASSERT_TRUE(first && second && other);
    EXPECT_EQ(first->uid(), 1U);
    EXPECT_EQ(second->uid(), 1U);
    EXPECT_EQ(other->uid(), 2U);
    EXPECT_EQ(lookups[":a"], 1);
}

TEST_F(TheClients, HaveSixteenThirtyTwoAndFiveHundredAndTwelveByDefault) {
    EXPECT_EQ(RequestLimits().per_client, 16U);
    EXPECT_EQ(RequestLimits().per_user, 32U);
    EXPECT_EQ(RequestLimits().in_all, 512U);
}

TEST_F(TheClients, MayHaveSoMuchUnderWayEach) {
    make({.per_client = 2});
    auto first = admitted(":a");
    const auto second = admitted(":a");
    EXPECT_THAT(refusal(":a"), HasSubstr("this client has 2 under way"));
    const auto other = admitted(":b");
    first.reset();
    first = admitted(":a");
    EXPECT_NE(refusal(":a"), "admitted");
}

TEST_F(TheClients, OfOneUserShareTheUsersLimit) {
    make({.per_client = 2, .per_user = 3});
    auto first = admitted(":a");
    const auto second = admitted(":a");
    const auto third = admitted(":b");
    EXPECT_THAT(refusal(":b"), HasSubstr("user 1 has 3 under way"));
    const auto of_another = admitted(":c");
    first.reset();
    EXPECT_TRUE(admitted(":b"));
}

TEST_F(TheClients, ShareOneLimitInAll) {
    make({.in_all = 2});
    auto first = admitted(":a");
    const auto second = admitted(":c");
    EXPECT_THAT(refusal(":b"), HasSubstr("2 of all clients are under way"));
    first.reset();
    EXPECT_TRUE(admitted(":b"));
}

TEST_F(TheClients, CountInAllOnlyForWhatTheirUserMayHave) {
    make({.per_client = 2, .per_user = 2, .in_all = 4});
    std::vector<RequestPtr> held;
    int refused = 0;
    for (const char* const name : {":w", ":x", ":y", ":z"}) {
        for (int i = 0; i < 2; ++i) {
            clients->admit(name, [&](base::Result<RequestPtr> request) {
                request ? held.push_back(std::move(*request)) : void(++refused);
            });
        }
    }
    EXPECT_TRUE(admitted(":c")) << "it has a user, and the others have none yet";
    for (auto& [name, found] : unknown) {
        found(1U);
    }
    EXPECT_EQ(held.size(), 2U);
    EXPECT_EQ(refused, 6);
}

TEST_F(TheClients, ThatWereRefusedCountForNothing) {
    make({.per_client = 1, .per_user = 1, .in_all = 2});
    auto held = admitted(":a");
    for (int i = 0; i < 10; ++i) {
        EXPECT_NE(refusal(":a"), "admitted");
        EXPECT_NE(refusal(":b"), "admitted");
    }
    EXPECT_TRUE(admitted(":c"));
    held.reset();
    EXPECT_TRUE(admitted(":b"));
}

TEST_F(TheClients, WaitUntilTheirUserIsKnownWithinTheirLimit) {
    make({.per_client = 2, .per_user = 1});
    std::vector<base::Result<RequestPtr>> answers;
    const auto take = [&](base::Result<RequestPtr> request) {
        answers.push_back(std::move(request));
    };
    clients->admit(":new", take);
    clients->admit(":new", take);
    EXPECT_THAT(refusal(":new"), HasSubstr("this client has 2 under way"));
    EXPECT_TRUE(answers.empty());
    EXPECT_EQ(lookups[":new"], 1);
    unknown.at(":new")(7U);
    ASSERT_EQ(answers.size(), 2U);
    ASSERT_TRUE(answers[0]);
    EXPECT_EQ((*answers[0])->uid(), 7U);
    ASSERT_FALSE(answers[1]);
    EXPECT_THAT(answers[1].error().message(), HasSubstr("user 7 has 1 under way"));
    answers.clear();
    EXPECT_TRUE(admitted(":new"));
}

TEST_F(TheClients, WhoseUserIsNotToldAreRefusedAndMayAskAgain) {
    make({});
    std::optional<base::Result<RequestPtr>> answer;
    clients->admit(":new", [&](base::Result<RequestPtr> request) { answer = std::move(request); });
    unknown.at(":new")(base::fail(Errc::io, "no such name"));
    ASSERT_TRUE(answer && !*answer);
    EXPECT_EQ(answer->error().code(), Errc::io);
    unknown.clear();
    EXPECT_FALSE(ask(":new"));
    EXPECT_EQ(lookups[":new"], 2);
    clients.reset();
}

TEST_F(TheClients, ThatLeaveHaveTheirRequestsWithdrawnOnce) {
    make({});
    TestClient leaving(bus.address());
    users[leaving.name()] = 5;
    const auto first = admitted(leaving.name());
    const auto second = admitted(leaving.name());
    const auto other = admitted(":a");
    int withdrawn = 0;
    int replaced = 0;
    first->on_withdrawn([&] { ++replaced; });
    first->on_withdrawn([&] { ++withdrawn; });
    second->on_withdrawn([&] { ++withdrawn; });
    other->on_withdrawn([&] { ADD_FAILURE() << "it is still there"; });
    leaving.leave();
    run_until([&] { return withdrawn > 0; });
    EXPECT_EQ(withdrawn, 2);
    EXPECT_EQ(replaced, 0);
}

TEST_F(TheClients, ThatLeaveMayTakeTheirRequestsWithThem) {
    make({.in_all = 3});
    TestClient leaving(bus.address());
    users[leaving.name()] = 5;
    std::vector<RequestPtr> held{admitted(leaving.name()), admitted(leaving.name()),
                                 admitted(leaving.name())};
    int withdrawn = 0;
    for (const auto& request : held) {
        request->on_withdrawn([&] {
            ++withdrawn;
            held.clear();
        });
    }
    leaving.leave();
    run_until([&] { return withdrawn > 0; });
    EXPECT_EQ(withdrawn, 1) << "the others went with the first";
    EXPECT_TRUE(admitted(":a"));
}

TEST_F(TheClients, ThatLeaveBeforeTheirUserIsKnownAreAnsweredThen) {
    make({.in_all = 1});
    TestClient leaving(bus.address());
    std::optional<base::Result<RequestPtr>> answer;
    clients->admit(leaving.name(), [&](base::Result<RequestPtr> request) {
        EXPECT_FALSE(answer) << "answered twice";
        answer = std::move(request);
    });
    const std::string name = leaving.name();
    leaving.leave();
    run_until([&] { return answer.has_value(); });
    ASSERT_FALSE(*answer);
    EXPECT_EQ(answer->error().code(), Errc::cancelled);
    unknown.at(name)(5U);
    EXPECT_TRUE(admitted(":a")) << "nothing of it is left";
}

TEST_F(TheClients, MayGoBeforeTheirRequests) {
    make({});
    const auto held = admitted(":a");
    bool answered = false;
    clients->admit(":new", [&](const base::Result<RequestPtr>&) { answered = true; });
    clients.reset();
    unknown.at(":new")(7U);
    EXPECT_FALSE(answered);
    EXPECT_EQ(held->uid(), 1U);
}

class AUserLookup : public OnABus {
protected:
    std::optional<UserLookup> lookup{std::in_place, *connection, *pump};
    std::optional<base::Result<std::uint32_t>> found;

    void find(const std::string& name) {
        found.reset();
        lookup->find(name, [this](base::Result<std::uint32_t> user) { found = std::move(user); });
    }
};

TEST_F(AUserLookup, FindsTheUserBehindAClient) {
    const TestClient client(bus.address());
    find(client.name());
    EXPECT_FALSE(found) << "nobody has been waited for";
    run_until([this] { return found.has_value(); });
    ASSERT_TRUE(*found) << found->error().message();
    EXPECT_EQ(**found, ::geteuid());
}

TEST_F(AUserLookup, FailsForAClientThatIsNotThere) {
    for (const char* name : {":1.4711", "org.example.Nobody", ""}) {
        find(name);
        run_until([this] { return found.has_value(); });
        ASSERT_FALSE(*found) << name;
        EXPECT_EQ(found->error().code(), Errc::io);
        EXPECT_THAT(found->error().message(), HasSubstr("whose request it is"));
    }
}

TEST_F(AUserLookup, TellsNothingWhenItIsNoMore) {
    const TestClient client(bus.address());
    find(client.name());
    lookup.reset();
    lookup.emplace(*connection, *pump);
    bool other = false;
    lookup->find(client.name(), [&](const base::Result<std::uint32_t>&) { other = true; });
    run_until([&] { return other; });
    EXPECT_FALSE(found);
}

}  // namespace
}  // namespace doed::bus
