// SPDX-License-Identifier: Apache-2.0
//
// doed/doed.hpp and doed/asio.hpp: owners, ranges, results, completion tokens and cancellation.
#include "base/event.hpp"
#include "base/unique_fd.hpp"
#include "fake_doed.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <doed/asio.hpp>
#include <doed/doed.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace doed::client {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

static_assert(std::ranges::forward_range<decltype(std::declval<Snapshot>().devices())>);
static_assert(std::ranges::input_range<decltype(std::declval<Cdat>().ranges())>);
static_assert(std::is_nothrow_move_constructible_v<Context> &&
              !std::is_copy_constructible_v<Context>);

Context open_context(std::chrono::microseconds deadline = 10s) {
    Settings settings;
    settings.bus = bus_address();
    settings.deadline = deadline;
    return std::move(Context::open(settings)).value();
}

TEST(AContextInCpp, GivesRangesAndResults) {
    const FakeDoed fake({{"GetManagedObjects", objects_reply()},
                         {"Reset", error_reply("org.doed1.Error.Released", "lent")}});
    auto context = open_context();
    const auto snapshot = context.snapshot();
    ASSERT_TRUE(snapshot) << snapshot.error().message();
    std::vector<std::string> seen;
    for (const auto device : snapshot->devices()) {
        for (const auto mailbox : device.mailboxes()) {
            EXPECT_EQ(mailbox.device().address(), device.address());
            seen.push_back(std::string(device.address()) + "/" + std::to_string(mailbox.offset()));
        }
    }
    EXPECT_THAT(seen, ElementsAre("0000:0d:00.0/400", "10000:01:00.0/256", "10000:01:00.0/512"));
    const auto mailbox = snapshot->find("0d:00.0")->find(0x190);
    ASSERT_TRUE(mailbox);
    EXPECT_EQ(mailbox->features()[1].vendor_id, 0x1e98);
    EXPECT_THAT(mailbox->cdat_status()->problems(), ElementsAre("notice at byte 4: odd"));
    EXPECT_FALSE(snapshot->find("0f:00.0"));

    const auto refused = context.reset(mailbox_path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().number(), EBUSY);
    EXPECT_EQ(refused.error().name(), "org.doed1.Error.Released");
    EXPECT_EQ(refused.error().message(), "lent");
    EXPECT_THROW((void)refused.value(), Failed);
}

TEST(AContextInCpp, CallsBackWithAResult) {
    const FakeDoed fake({{"GetTrace", text_reply("{}")}});
    auto context = open_context();
    std::string heard;
    const auto call = context.trace_async(
        mailbox_path, [&](Result<std::string> trace) { heard = *std::move(trace); });
    ASSERT_TRUE(call);
    ASSERT_TRUE(process_until(context.get(), [&] { return !heard.empty(); }));
    EXPECT_EQ(heard, "{}");
}

TEST(ATableInCpp, IsParsedWithoutABus) {
    const std::vector<std::uint8_t> bytes(3);
    const auto cdat = Cdat::parse(bytes);
    ASSERT_TRUE(cdat);
    EXPECT_EQ(cdat->bytes().size(), 3U);
    const auto problems = cdat->problems();
    EXPECT_EQ(std::string((*problems.begin()).kind), "header-truncated");
    EXPECT_EQ(std::ranges::distance(cdat->ranges()), 0);
}

boost::asio::awaitable<void> ask(doed::asio::Client& client, std::vector<std::string>& heard) {
    auto sequence = co_await client.async_cdat_refresh(mailbox_path, boost::asio::use_awaitable);
    heard.push_back(sequence ? std::to_string(*sequence) : sequence.error().message());
    auto trace = co_await client.async_trace(mailbox_path, boost::asio::use_awaitable);
    heard.push_back(trace ? *trace : trace.error().name());
}

TEST(AnAsioClient, CompletesOnItsExecutorAndThenLetsItsLoopEnd) {
    const FakeDoed fake(
        {{"Refresh", number_reply(4)}, {"GetTrace", error_reply("org.doed1.Error.Busy")}});
    boost::asio::io_context io;
    doed::asio::Client client(io.get_executor(), open_context());
    std::vector<std::string> heard;
    boost::asio::co_spawn(io, ask(client, heard), boost::asio::detached);
    io.run_for(10s);
    EXPECT_TRUE(io.stopped());
    EXPECT_THAT(heard, ElementsAre("4", "org.doed1.Error.Busy"));
}

TEST(AnAsioClient, IsCancelledThroughTheSlotOfItsHandler) {
    const FakeDoed fake({});
    boost::asio::io_context io;
    doed::asio::Client client(io.get_executor(), open_context());
    boost::asio::cancellation_signal signal;
    std::vector<int> errors;
    client.async_discover(mailbox_path,
                          boost::asio::bind_cancellation_slot(signal.slot(), [&](auto result) {
                              errors.push_back(result.error().number());
                          }));
    client.async_next_event([&](auto result) { errors.push_back(result.error().number()); });
    client.async_next_event([&](auto result) { errors.push_back(result.error().number()); });
    boost::asio::post(io, [&] { signal.emit(boost::asio::cancellation_type::total); });
    while (errors.size() < 2 && io.run_one_for(10s) != 0) {
    }
    EXPECT_THAT(errors, ElementsAre(EBUSY, ECANCELED));
}

TEST(AnAsioClient, LetsItsLoopEndWhenACallIsRefusedAtOnce) {
    boost::asio::io_context io;
    doed::asio::Client client(io.get_executor(), open_context());
    std::vector<int> errors;
    client.async_discover("no path",
                          [&](auto result) { errors.push_back(result.error().number()); });
    io.run_for(5s);
    EXPECT_TRUE(io.stopped());
    EXPECT_THAT(errors, ElementsAre(EINVAL));
}

TEST(AnAsioClient, LetsItsLoopEndWhenItsOnlyWaitIsCancelledAndGoesOnAfterwards) {
    const FakeDoed fake({{"Refresh", number_reply(4)}});
    boost::asio::io_context io;
    doed::asio::Client client(io.get_executor(), open_context());
    boost::asio::cancellation_signal signal;
    std::vector<int> heard;
    client.async_next_event(boost::asio::bind_cancellation_slot(
        signal.slot(), [&](auto result) { heard.push_back(result.error().number()); }));
    // Until doed has the question, which it never answers.
    io.run_for(100ms);
    signal.emit(boost::asio::cancellation_type::total);
    io.restart();
    io.run_for(5s);
    EXPECT_TRUE(io.stopped());
    EXPECT_THAT(heard, ElementsAre(ECANCELED));

    // One that begins before the loop has seen the end of the wait.
    client.async_next_event(boost::asio::bind_cancellation_slot(
        signal.slot(), [&](auto result) { heard.push_back(result.error().number()); }));
    signal.emit(boost::asio::cancellation_type::total);
    client.async_cdat_refresh(mailbox_path,
                              [&](auto result) { heard.push_back(static_cast<int>(*result)); });
    io.restart();
    io.run_for(5s);
    EXPECT_TRUE(io.stopped());
    EXPECT_THAT(heard, ElementsAre(ECANCELED, ECANCELED, 4));
}

void send_event(int fd, const base::Event& event, std::uint64_t sequence) {
    auto packet = base::encode(event);
    base::stamp(packet, {.sequence = sequence});
    EXPECT_EQ(::send(fd, packet.data(), packet.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(packet.size()));
}

boost::asio::awaitable<void> follow(doed::asio::Client& client, std::vector<std::string>& heard) {
    for (int i = 0; i < 2; ++i) {
        auto event = co_await client.async_next_event(boost::asio::use_awaitable);
        heard.push_back(event ? doed_event_type_name(event->type) + (" " + event->path) + " " +
                                    event->from + " " + event->to
                              : event.error().message());
    }
}

TEST(AnAsioClient, GivesOutEventsOneByOneAndLeavesTheRest) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const base::UniqueFd ours(ends[0]);
    base::UniqueFd theirs(ends[1]);
    send_event(ours.get(), {.body = base::SubscribedEvent{.queue_limit = 16}}, 0);
    const base::Event state{.address = base::EventAddress{.bus = 0x0d},
                            .mailbox_offset = 0x190,
                            .body = base::StateEvent{"idle", "busy"}};
    send_event(ours.get(), state, 1);
    send_event(ours.get(), state, 2);
    const FakeDoed fake({{"Subscribe", fd_reply([&] { return theirs.release(); })}});
    boost::asio::io_context io;
    doed::asio::Client client(io.get_executor(), open_context());
    std::vector<std::string> heard;
    boost::asio::co_spawn(io, follow(client, heard), boost::asio::detached);
    io.run_for(10s);
    EXPECT_TRUE(io.stopped());
    EXPECT_THAT(heard,
                ElementsAre("subscribed   ", std::string("state ") + mailbox_path + " idle busy"));

    // The third waited, and comes whole to who asks for it, which nobody did.
    std::uint64_t sequence = 0;
    client.async_next_event([&](auto event) { sequence = event ? event->sequence : 0; });
    io.restart();
    io.run_for(10s);
    EXPECT_TRUE(io.stopped());
    EXPECT_EQ(sequence, 2U);
}

TEST(ALeaseInCpp, IsGivenBackWhenAnotherTakesItsPlace) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const base::UniqueFd far_end(ends[0]);
    Lease lease(ends[1]);
    Lease other(-1);
    lease = std::move(other);
    char byte = 0;
    EXPECT_EQ(::recv(far_end.get(), &byte, 1, MSG_DONTWAIT), 0);
    EXPECT_EQ(lease.fd(), -1);
}

TEST(AnAsioClient, CancelsWhatIsUnderWayWhenItEnds) {
    const FakeDoed fake({});
    boost::asio::io_context io;
    std::vector<int> errors;
    {
        doed::asio::Client client(io.get_executor(), open_context());
        client.async_discover(mailbox_path,
                              [&](auto result) { errors.push_back(result.error().number()); });
        client.async_next_event([&](auto result) { errors.push_back(result.error().number()); });
        io.poll();
    }
    io.restart();
    io.run_for(10s);
    EXPECT_THAT(errors, testing::UnorderedElementsAre(ECANCELED, ECANCELED));
}

}  // namespace
}  // namespace doed::client
