// SPDX-License-Identifier: Apache-2.0
//
// doed/doed.hpp and doed/asio.hpp: owners, ranges, results, completion tokens and cancellation.
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
