// SPDX-License-Identifier: Apache-2.0
//
// Leases whose holders are clients of a real bus.
#include "daemon/lease.hpp"

#include "daemon/bus/connect.hpp"
#include "daemon/bus/pump.hpp"
#include "private_bus.hpp"
#include "test_client.hpp"

#include <boost/asio/io_context.hpp>

#include <optional>
#include <stdexcept>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace doed::daemon {
namespace {

class ALease : public testing::Test {
protected:
    ALease() {
        auto opened = bus::connect(bus.address());
        if (!opened) {
            throw std::runtime_error(opened.error().message());
        }
        connection = std::move(*opened);
        pump.emplace(loop, *connection, [](const std::string&) {});
        peers.emplace(*connection);
        pump->start();
        holder.emplace(bus.address());
        grant([this] { ++ended; });
    }

    void grant(std::function<void()> when_ended) {
        auto granted =
            Lease::grant(loop.get_executor(), *peers, holder->name(), std::move(when_ended));
        if (!granted) {
            throw std::runtime_error(granted.error().message());
        }
        lease = std::move(*granted);
        held = lease->take_descriptor();
    }
    /// The holder leaves the bus, and everybody has heard of it.
    void holder_leaves() {
        bool gone = false;
        peers->watch(holder->name(), [&] { gone = true; });
        holder->leave();
        run_until([&] { return gone; });
    }
    void run_until(const std::function<bool()>& condition) {
        const auto end = std::chrono::steady_clock::now() + bus::patience;
        while (!condition() && std::chrono::steady_clock::now() < end) {
            loop.run_one_until(end);
        }
        ASSERT_TRUE(condition());
    }
    /// How much has been written and not been read.
    [[nodiscard]] int unread() const {
        int bytes = -1;
        EXPECT_EQ(::ioctl(held.get(), FIONREAD, &bytes), 0);
        return bytes;
    }
    /// Whether the holder can tell that nobody keeps the other end.
    [[nodiscard]] bool is_void() const {
        pollfd end{.fd = held.get(), .events = POLLOUT, .revents = 0};
        return ::poll(&end, 1, 0) == 1 && (end.revents & POLLERR) != 0;
    }

    bus::PrivateBus bus;
    boost::asio::io_context loop{1};
    std::unique_ptr<sdbus::IConnection> connection;
    std::optional<bus::Pump> pump;
    std::optional<bus::PeerWatch> peers;
    std::optional<bus::TestClient> holder;
    int ended = 0;
    std::shared_ptr<Lease> lease;
    base::UniqueFd held;
};

TEST_F(ALease, NamesItsHolderAndIsHeldByADescriptorThatNoCommandInheritsUnasked) {
    EXPECT_EQ(lease->holder(), holder->name());
    EXPECT_EQ(::fcntl(held.get(), F_GETFD), FD_CLOEXEC);
    EXPECT_FALSE(is_void());
}

TEST_F(ALease, EndsWhenItsHolderClosesTheDescriptor) {
    loop.poll();
    EXPECT_EQ(ended, 0);
    held.reset();
    run_until([this] { return ended > 0; });
    loop.poll();
    EXPECT_EQ(ended, 1);
}

TEST_F(ALease, LastsAsLongAsAnyCopyOfTheDescriptor) {
    base::UniqueFd handed_on(::dup(held.get()));
    held.reset();
    loop.poll();
    EXPECT_EQ(ended, 0);
    handed_on.reset();
    run_until([this] { return ended > 0; });
}

TEST_F(ALease, EndsWhenItsHolderLeavesTheBus) {
    holder_leaves();
    run_until([this] { return ended > 0; });
    EXPECT_EQ(ended, 1) << "the descriptor is still open";
    EXPECT_TRUE(held);
}

TEST_F(ALease, StaysWhenAnotherLeavesTheBus) {
    bus::TestClient other(bus.address());
    bool gone = false;
    peers->watch(other.name(), [&] { gone = true; });
    other.leave();
    run_until([&] { return gone; });
    EXPECT_EQ(ended, 0);
}

TEST_F(ALease, EndsOnceWhenItsHolderLeavesAndThenCloses) {
    holder_leaves();
    run_until([this] { return ended > 0; });
    held.reset();
    loop.poll();
    EXPECT_EQ(ended, 1);
}

TEST_F(ALease, EndsOnceWhenItsHolderClosesAndThenLeaves) {
    held.reset();
    run_until([this] { return ended > 0; });
    holder_leaves();
    loop.poll();
    EXPECT_EQ(ended, 1);
}

TEST_F(ALease, DoesNotEndWhenSomethingIsWritten) {
    ASSERT_EQ(::write(held.get(), "bye", 3), 3);
    run_until([this] { return unread() == 0; });
    EXPECT_EQ(ended, 0);
    ASSERT_EQ(::write(held.get(), "", 1), 1);
    run_until([this] { return unread() == 0; });
    EXPECT_EQ(ended, 0);
    held.reset();
    run_until([this] { return ended > 0; });
}

TEST_F(ALease, EndsForAHolderThatWritesAndClosesAtOnce) {
    ASSERT_EQ(::write(held.get(), "bye", 3), 3);
    held.reset();
    run_until([this] { return ended > 0; });
    EXPECT_EQ(ended, 1);
}

TEST_F(ALease, ThatIsDroppedCallsNothing) {
    lease.reset();
    EXPECT_TRUE(is_void()) << "its holder can tell";
    held.reset();
    holder_leaves();
    loop.poll();
    EXPECT_EQ(ended, 0);
}

TEST_F(ALease, MayBeDroppedWhenItEnds) {
    grant([this] {
        ++ended;
        lease.reset();
    });
    held.reset();
    run_until([this] { return ended > 0; });
    grant([this] {
        ++ended;
        lease.reset();
    });
    holder_leaves();
    run_until([this] { return ended > 1; });
    EXPECT_EQ(ended, 2);
    EXPECT_EQ(lease, nullptr);
}

TEST_F(ALease, ThatNobodyTookEndsWithItsOwner) {
    auto granted =
        Lease::grant(loop.get_executor(), *peers, holder->name(), [this] { ended += 100; });
    ASSERT_TRUE(granted);
    loop.poll();
    granted->reset();
    loop.poll();
    EXPECT_EQ(ended, 0);
}

}  // namespace
}  // namespace doed::daemon
