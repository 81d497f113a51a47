// SPDX-License-Identifier: Apache-2.0
#include "daemon/events/event_hub.hpp"

#include <boost/asio/io_context.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace doed::daemon {
namespace {

using base::Errc;
using base::EventPacket;
using testing::HasSubstr;

constexpr pci::Address device{.domain = 0x10000, .bus = 0x0D, .device = 3, .function = 1};
constexpr std::uint16_t offset = 0x190;
constexpr std::uint32_t user = 1000;

/// While it lives this process opens no more descriptors.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

class AnEventHub : public testing::Test {
protected:
    void make(const EventLimits& limits) { hub.emplace(loop.get_executor(), limits); }

    [[nodiscard]] base::UniqueFd subscribe(std::uint32_t uid = user) {
        return hub->subscribe(uid).value();
    }
    /// Events that tell themselves apart by their number.
    void tell(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            hub->tell(device, offset, base::CdatChangedEvent{.sequence = told++});
        }
    }
    /// What is ready on the loop is done, with nothing waited for.
    void run() {
        loop.restart();
        loop.poll();
    }
    /// The next packet, nothing when there is none now.
    static std::optional<EventPacket> read(const base::UniqueFd& fd) {
        std::array<std::uint8_t, 4096> buffer{};
        const auto size = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0) {
            EXPECT_EQ(errno, EAGAIN);
            return {};
        }
        EXPECT_GT(size, 0) << "the stream has ended";
        const auto parsed =
            base::parse_event(std::span(buffer).first(static_cast<std::size_t>(size)));
        EXPECT_TRUE(parsed.has_value());
        return *parsed;
    }
    /// Everything, the loop going on in between.
    std::vector<EventPacket> read_all(const base::UniqueFd& fd) {
        std::vector<EventPacket> packets;
        for (;;) {
            if (auto packet = read(fd)) {
                packets.push_back(std::move(*packet));
                continue;
            }
            run();
            auto more = read(fd);
            if (!more) {
                return packets;
            }
            packets.push_back(std::move(*more));
        }
    }
    static bool has_ended(const base::UniqueFd& fd) {
        char byte = 0;
        return ::recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0;
    }
    static std::uint32_t number(const EventPacket& packet) {
        return std::get<base::CdatChangedEvent>(packet.event.body).sequence;
    }

    boost::asio::io_context loop;
    std::optional<EventHub> hub{std::in_place, loop.get_executor(), EventLimits{}};
    std::uint32_t told = 0;
};

TEST_F(AnEventHub, GreetsASubscriberWithTheQueueLimit) {
    make({.queue = 77});
    const auto fd = subscribe();
    const auto packets = read_all(fd);
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(packets[0].event.body,
              base::EventBody(base::SubscribedEvent{.version = 1, .queue_limit = 77}));
    EXPECT_EQ(packets[0].delivery, base::EventDelivery());
    EXPECT_FALSE(packets[0].event.address);
}

TEST_F(AnEventHub, TellsWhatHappensToWhomAndWhen) {
    const auto fd = subscribe();
    static_cast<void>(read(fd));
    const auto now = [] {
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                              std::chrono::system_clock::now().time_since_epoch())
                                              .count());
    };
    const auto before = now();
    hub->tell(device, offset, base::StateEvent{.from = "idle", .to = "busy"});
    const auto packet = read(fd);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->event.body, base::EventBody(base::StateEvent{.from = "idle", .to = "busy"}));
    EXPECT_EQ(packet->event.address,
              (base::EventAddress{.domain = 0x10000, .bus = 0x0D, .device = 3, .function = 1}));
    EXPECT_EQ(packet->event.mailbox_offset, offset);
    EXPECT_GE(packet->event.time_us, before);
    EXPECT_LE(packet->event.time_us, now());
}

TEST_F(AnEventHub, TellsEachOfItsSubscribersWhatCameAfterItSubscribed) {
    const auto first = subscribe();
    tell(1);
    const auto second = subscribe();
    tell(1);
    const auto to_first = read_all(first);
    const auto to_second = read_all(second);
    ASSERT_EQ(to_first.size(), 3U);
    ASSERT_EQ(to_second.size(), 2U);
    EXPECT_EQ(number(to_first[1]), 0U);
    EXPECT_EQ(number(to_first[2]), 1U);
    EXPECT_EQ(to_first[2].delivery.sequence, 2U);
    EXPECT_EQ(number(to_second[1]), 1U);
    EXPECT_EQ(to_second[1].delivery.sequence, 1U) << "each counts its own";
}

TEST_F(AnEventHub, KeepsWhatTheSocketDoesNotTakeAndSendsItLater) {
    make({.queue = 1000});
    const auto fd = subscribe();
    tell(1000);
    const auto packets = read_all(fd);
    ASSERT_EQ(packets.size(), 1001U);
    bool waited = false;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        ASSERT_EQ(packets[i].delivery.sequence, i);
        ASSERT_EQ(packets[i].delivery.lost, 0U);
        ASSERT_TRUE(i == 0 || number(packets[i]) == i - 1);
        waited = waited || packets[i].delivery.pending > 0;
    }
    EXPECT_TRUE(waited) << "the socket has taken everything at once: nothing was tried";
    EXPECT_EQ(packets.back().delivery.pending, 0U);
}

TEST_F(AnEventHub, CountsDownWhatIsPending) {
    make({.queue = 1000});
    const auto fd = subscribe();
    tell(1000);
    const auto packets = read_all(fd);
    // The first that waited, and from there on all that were told at once.
    std::size_t first = 0;
    while (first < packets.size() && packets[first].delivery.pending == 0) {
        ++first;
    }
    ASSERT_LT(first, packets.size());
    for (std::size_t i = first; i < packets.size(); ++i) {
        ASSERT_EQ(packets[i].delivery.pending, packets.size() - 1 - i);
    }
}

TEST_F(AnEventHub, DropsTheOldestWhenTooManyWaitAndSaysHowMany) {
    make({.queue = 10});
    const auto fd = subscribe();
    tell(1000);
    const auto packets = read_all(fd);
    ASSERT_GT(packets.size(), 11U);
    std::uint64_t lost = 0;
    std::size_t gaps = 0;
    std::uint64_t expected = 0;
    for (const auto& packet : packets) {
        expected += packet.delivery.lost;
        ASSERT_EQ(packet.delivery.sequence, expected) << "what is lost is counted";
        ASSERT_TRUE(expected == 0 || number(packet) == expected - 1) << "and is what it says";
        lost += packet.delivery.lost;
        gaps += packet.delivery.lost > 0 ? 1U : 0U;
        ++expected;
    }
    EXPECT_EQ(packets.size() + lost, 1001U);
    EXPECT_EQ(gaps, 1U);
    EXPECT_EQ(packets[packets.size() - 10].delivery.lost, lost) << "the newest ten are kept";
    EXPECT_EQ(number(packets.back()), 999U);
}

TEST_F(AnEventHub, CountsASecondLossByItself) {
    make({.queue = 1});
    const auto fd = subscribe();
    tell(1000);
    const auto first = read_all(fd);
    tell(1000);
    const auto second = read_all(fd);
    const auto lost = [](const std::vector<EventPacket>& packets) {
        std::uint64_t sum = 0;
        for (const auto& packet : packets) {
            sum += packet.delivery.lost;
        }
        return sum;
    };
    EXPECT_EQ(first.size() + lost(first), 1001U);
    EXPECT_EQ(second.size() + lost(second), 1000U);
    EXPECT_GT(second.size(), 1U) << "the socket has room again";
}

TEST_F(AnEventHub, IsNotHeldUpByOneWhoDoesNotRead) {
    make({.queue = 10});
    const auto stopped = subscribe();
    const auto reader = subscribe();
    std::size_t read_by_reader = read_all(reader).size();
    for (int i = 0; i < 1000; ++i) {
        tell(1);
        while (const auto packet = read(reader)) {
            EXPECT_EQ(packet->delivery.sequence, read_by_reader);
            EXPECT_EQ(packet->delivery.lost, 0U);
            ++read_by_reader;
        }
    }
    EXPECT_EQ(read_by_reader, 1001U);
    run();
    EXPECT_EQ(hub->subscriber_count(), 2U);
}

TEST_F(AnEventHub, ForgetsASubscriberThatHasClosedItsEnd) {
    auto fd = subscribe();
    run();
    EXPECT_EQ(hub->subscriber_count(), 1U);
    fd.reset();
    run();
    EXPECT_EQ(hub->subscriber_count(), 0U) << "although nothing has happened that it could be told";
}

TEST_F(AnEventHub, ForgetsASubscriberThatClosesWhileEventsWait) {
    auto stopped = subscribe();
    auto other = subscribe();
    tell(200);
    stopped.reset();
    tell(1);
    run();
    EXPECT_EQ(hub->subscriber_count(), 1U);
    EXPECT_EQ(read_all(other).size(), 202U);
}

TEST_F(AnEventHub, HearsOfNoSubscriberThatStillHasACopyOfItsEnd) {
    auto fd = subscribe();
    const base::UniqueFd copy(::dup(fd.get()));
    fd.reset();
    tell(1);
    run();
    EXPECT_EQ(hub->subscriber_count(), 1U);
    EXPECT_EQ(read_all(copy).size(), 2U);
}

TEST_F(AnEventHub, LeavesItToTheSubscriberWhetherReadingBlocks) {
    const auto fd = subscribe();
    EXPECT_EQ(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(AnEventHub, TakesNothingFromASubscriber) {
    const auto fd = subscribe();
    EXPECT_EQ(::send(fd.get(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL), -1);
    EXPECT_EQ(errno, EPIPE);
    run();
    tell(1);
    EXPECT_EQ(read_all(fd).size(), 2U) << "and serves it nevertheless";
}

TEST_F(AnEventHub, HasSoManySubscribersOfAUserAndNoMore) {
    make({.subscribers_per_user = 2});
    auto first = subscribe();
    const auto second = subscribe();
    const auto refused = hub->subscribe(user);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::limits_exceeded);
    EXPECT_EQ(
        refused.error().message(),
        "user 1000 has 2 subscriptions to events (subscriber_limit_per_user): too many at once");
    EXPECT_TRUE(hub->subscribe(user + 1)) << "another user";
    first.reset();
    run();
    EXPECT_TRUE(hub->subscribe(user)) << "in the place of the one that has ended";
}

TEST_F(AnEventHub, HasSoManySubscribersInAllAndNoMore) {
    make({.subscribers_in_all = 2});
    const auto first = subscribe(1);
    auto second = subscribe(2);
    const auto refused = hub->subscribe(3);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::limits_exceeded);
    EXPECT_THAT(refused.error().message(),
                HasSubstr("2 subscriptions to events (subscriber_limit_in_all)"));
    second.reset();
    run();
    EXPECT_TRUE(hub->subscribe(3));
}

TEST_F(AnEventHub, CountsNoneThatHasJustBeenClosed) {
    make({.subscribers_per_user = 2});
    auto first = subscribe();
    const auto second = subscribe();
    first.reset();
    // Nothing has run on the loop since.
    const auto third = hub->subscribe(user);
    EXPECT_TRUE(third);
    EXPECT_EQ(hub->subscriber_count(), 2U);
    EXPECT_FALSE(hub->subscribe(user));
    run();
    tell(1);
    EXPECT_EQ(read_all(second).size(), 2U);
    EXPECT_EQ(read_all(*third).size(), 2U);
}

TEST_F(AnEventHub, SaysWhenItHasNoDescriptorLeft) {
    const NoDescriptors exhausted;
    const auto refused = hub->subscribe(user);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::io);
    EXPECT_EQ(hub->subscriber_count(), 0U);
}

TEST_F(AnEventHub, EndsTheStreamsWhenItGoes) {
    const auto fd = subscribe();
    tell(1);
    hub.reset();
    EXPECT_TRUE(read(fd));
    EXPECT_TRUE(read(fd)) << "what was sent is still read";
    EXPECT_TRUE(has_ended(fd));
    run();
}

TEST_F(AnEventHub, EndsTheStreamsOfThoseThatWaitToo) {
    const auto fd = subscribe();
    tell(200);
    run();
    hub.reset();
    std::size_t packets = 0;
    while (!has_ended(fd)) {
        ++packets;
        ASSERT_LT(packets, 201U);
    }
    EXPECT_GT(packets, 1U);
    run();
}

TEST_F(AnEventHub, TellsNobodyWhenThereIsNobody) {
    tell(3);
    const auto fd = subscribe();
    EXPECT_EQ(read_all(fd).size(), 1U);
}

}  // namespace
}  // namespace doed::daemon
