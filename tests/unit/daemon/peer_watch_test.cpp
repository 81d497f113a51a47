// SPDX-License-Identifier: Apache-2.0
//
// Clients that come and go on a real bus.
#include "daemon/bus/peer_watch.hpp"

#include "on_a_bus.hpp"
#include "test_client.hpp"

#include <memory>

#include <gtest/gtest.h>

namespace doed::bus {
namespace {

class APeerWatch : public OnABus {
protected:
    [[nodiscard]] std::unique_ptr<TestClient> make_client() const {
        return std::make_unique<TestClient>(bus.address());
    }
    /// A client that comes only to leave: when that is known, so is all that was before.
    void let_one_come_and_go() {
        auto client = make_client();
        bool gone = false;
        peers->watch(client->name(), [&] { gone = true; });
        client->leave();
        run_until([&] { return gone; });
    }

    int told = 0;
};

TEST_F(APeerWatch, TellsOnceThatAClientLeaves) {
    const auto client = make_client();
    peers->watch(client->name(), [this] { ++told; });
    let_one_come_and_go();
    EXPECT_EQ(told, 0) << "another one left";
    client->leave();
    run_until([this] { return told > 0; });
    let_one_come_and_go();
    EXPECT_EQ(told, 1);
}

TEST_F(APeerWatch, TellsOfAClientWhoseProcessEndsWithoutAGoodbye) {
    // What the kernel does for a process that is killed: its socket is closed, nothing is said.
    const auto raw = connect(bus.address());
    ASSERT_TRUE(raw);
    peers->watch((*raw)->getUniqueName(), [this] { ++told; });
    ASSERT_EQ(::shutdown(poll_request(**raw).fd, SHUT_RDWR), 0);
    run_until([this] { return told > 0; });
}

TEST_F(APeerWatch, TellsEveryoneWhoWatchesAClient) {
    const auto client = make_client();
    int other = 0;
    peers->watch(client->name(), [this] { ++told; });
    peers->watch(client->name(), [&] { ++other; });
    client->leave();
    run_until([&] { return told > 0 && other > 0; });
    EXPECT_EQ(told, 1);
    EXPECT_EQ(other, 1);
}

TEST_F(APeerWatch, TellsNothingOfAWatchThatWasForgotten) {
    const auto client = make_client();
    bool gone = false;
    const auto watch = peers->watch(client->name(), [this] { ++told; });
    const auto kept = peers->watch(client->name(), [&] { gone = true; });
    EXPECT_NE(watch, kept);
    peers->forget(watch);
    peers->forget(watch);
    peers->forget(0);
    client->leave();
    run_until([&] { return gone; });
    EXPECT_EQ(told, 0);
}

TEST_F(APeerWatch, TellsNothingOfAClientThatGivesUpAnotherName) {
    const auto client = make_client();
    bool released = false;
    peers->watch(client->name(), [this] { ++told; });
    peers->watch("org.example.Name", [&] { released = true; });
    client->own_for_a_moment("org.example.Name");
    run_until([&] { return released; });
    EXPECT_EQ(told, 0);
}

TEST_F(APeerWatch, TellsOnceOfANameThatGoesTwice) {
    const auto client = make_client();
    bool gone = false;
    peers->watch("org.example.Name", [this] { ++told; });
    peers->watch(client->name(), [&] { gone = true; });
    client->own_for_a_moment("org.example.Name");
    client->own_for_a_moment("org.example.Name");
    client->leave();
    run_until([&] { return gone; });
    EXPECT_EQ(told, 1);
}

TEST_F(APeerWatch, MayBeUsedByWhoItTells) {
    const auto first = make_client();
    const auto second = make_client();
    PeerWatch::Id watch = 0;
    watch = peers->watch(first->name(), [&] {
        ++told;
        peers->forget(watch);
        peers->watch(second->name(), [this] { ++told; });
    });
    first->leave();
    run_until([this] { return told == 1; });
    second->leave();
    run_until([this] { return told == 2; });
}

TEST_F(APeerWatch, TellsNothingWhenItIsNoMore) {
    const auto client = make_client();
    peers->watch(client->name(), [this] { ++told; });
    peers.reset();
    peers.emplace(*connection);
    bool gone = false;
    peers->watch(client->name(), [&] { gone = true; });
    client->leave();
    run_until([&] { return gone; });
    EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace doed::bus
