// SPDX-License-Identifier: Apache-2.0
//
// Callbacks: each exactly once, from doed_process() or the end of the context; cancelling; the descriptor to watch.
#include "../daemon/private_bus.hpp"
#include "fake_doed.hpp"

#include <cerrno>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace doed::client {
namespace {

using testing::Each;
using testing::ElementsAre;

/// What was called back.
struct Told {
    std::vector<int> errors;
    std::uint32_t sequence = 0;
};

void on_reply(const doed_reply* reply, void* told) {
    static_cast<Told*>(told)->errors.push_back(doed_reply_error(reply));
    static_cast<Told*>(told)->sequence = doed_reply_sequence(reply);
}

bool readable(const doed_context* context, int timeout_ms) {
    pollfd wanted{doed_get_fd(context), static_cast<short>(doed_get_events(context)), 0};
    return ::poll(&wanted, 1, timeout_ms) == 1;
}

TEST(AnAsynchronousCall, CallsBackOnceFromProcess) {
    const FakeDoed doed({{"Refresh", number_reply(4)}});
    const auto context = make_context();
    Told told;
    ASSERT_EQ(doed_cdat_refresh_async(context.get(), mailbox_path, &on_reply, &told, nullptr), 0);
    EXPECT_TRUE(told.errors.empty());
    ASSERT_TRUE(process_until(context.get(), [&] { return !told.errors.empty(); }));
    EXPECT_THAT(told.errors, ElementsAre(0));
    EXPECT_EQ(told.sequence, 4U);
    EXPECT_EQ(doed_process(context.get()), 0);
}

TEST(AnAsynchronousCall, NeedsNothingButItsDescriptorWatched) {
    const FakeDoed doed({{"Refresh", number_reply(4)}});
    const auto context = make_context();
    EXPECT_FALSE(readable(context.get(), 0));
    Told told;
    ASSERT_EQ(doed_cdat_refresh_async(context.get(), mailbox_path, &on_reply, &told, nullptr), 0);
    while (told.errors.empty()) {
        ASSERT_TRUE(readable(context.get(), 10'000));
        while (doed_process(context.get()) > 0) {
        }
    }
    EXPECT_THAT(told.errors, ElementsAre(0));

    // So it is for a deadline, with nothing from the bus.
    ASSERT_EQ(doed_set_deadline(context.get(), 30'000), 0);
    ASSERT_EQ(doed_trace_async(context.get(), mailbox_path, &on_reply, &told, nullptr), 0);
    while (told.errors.size() < 2) {
        ASSERT_TRUE(readable(context.get(), 10'000));
        while (doed_process(context.get()) > 0) {
        }
    }
    EXPECT_THAT(told.errors, ElementsAre(0, -ETIME));
    EXPECT_FALSE(readable(context.get(), 0));
    std::uint64_t timeout = 0;
    ASSERT_EQ(doed_get_timeout(context.get(), &timeout), 0);
    EXPECT_EQ(timeout, UINT64_MAX);
}

TEST(AnAsynchronousCall, ThatWasAnsweredWhileAnotherWaitedIsStillToldByProcess) {
    const FakeDoed doed({{"Refresh", number_reply(4)}, {"GetTrace", text_reply("{}")}});
    const auto context = make_context();
    // What waits for the connection is sent after what is waited for.
    ASSERT_EQ(doed_connect(context.get()), 0);
    Told told;
    // Connected, both are sent in the order of the calls; else the one that is waited for goes first.
    ASSERT_EQ(doed_connect(context.get()), 0);
    ASSERT_EQ(doed_cdat_refresh_async(context.get(), mailbox_path, &on_reply, &told, nullptr), 0);
    char* trace = nullptr;
    ASSERT_EQ(doed_trace(context.get(), mailbox_path, &trace), 0);
    std::free(trace);
    EXPECT_TRUE(told.errors.empty());
    EXPECT_TRUE(readable(context.get(), 0));
    std::uint64_t timeout = 1;
    ASSERT_EQ(doed_get_timeout(context.get(), &timeout), 0);
    EXPECT_EQ(timeout, 0U);
    EXPECT_EQ(doed_process(context.get()), 1);
    EXPECT_THAT(told.errors, ElementsAre(0));
}

TEST(Cancelling, IsToldByTheNextProcessAndOnce) {
    const FakeDoed doed({});
    const auto context = make_context();
    Told told;
    doed_call* call = nullptr;
    ASSERT_EQ(doed_discover_async(context.get(), mailbox_path, &on_reply, &told, &call), 0);
    EXPECT_EQ(doed_call_cancel(call), 0);
    EXPECT_TRUE(told.errors.empty());
    EXPECT_EQ(doed_call_cancel(call), -EALREADY);
    ASSERT_TRUE(process_until(context.get(), [&] { return !told.errors.empty(); }));
    EXPECT_THAT(told.errors, ElementsAre(-ECANCELED));
    EXPECT_EQ(doed_call_cancel(call), -EALREADY);
    doed_call_unref(call);
}

TEST(Cancelling, WinsOverAnAnswerThatIsNotYetTold) {
    const FakeDoed doed({{"Release", fd_reply([] {
                              int ends[2];
                              EXPECT_EQ(::pipe(ends), 0);
                              ::close(ends[0]);
                              return ends[1];
                          })},
                         {"GetTrace", text_reply("{}")}});
    const auto context = make_context();
    Told told;
    doed_call* call = nullptr;
    ASSERT_EQ(doed_release_async(context.get(), mailbox_path, &on_reply, &told, &call), 0);
    char* trace = nullptr;
    ASSERT_EQ(doed_trace(context.get(), mailbox_path, &trace), 0);
    std::free(trace);
    EXPECT_EQ(doed_call_cancel(call), 0);
    doed_call_unref(call);
    EXPECT_EQ(doed_process(context.get()), 1);
    EXPECT_THAT(told.errors, ElementsAre(-ECANCELED));
}

TEST(TheEndOfAContext, TellsEveryOpenCall) {
    const FakeDoed doed({});
    auto context = make_context();
    Told told;
    doed_call* call = nullptr;
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(doed_discover_async(context.get(), mailbox_path, &on_reply, &told,
                                      i == 0 ? &call : nullptr),
                  0);
    }
    context.reset();
    EXPECT_THAT(told.errors, ElementsAre(-ECANCELED, -ECANCELED, -ECANCELED));
    EXPECT_EQ(doed_call_cancel(call), -EALREADY);
    doed_call_unref(call);
}

TEST(TheEndOfAContext, MayComeFromItsOwnCallback) {
    const FakeDoed doed({{"Refresh", number_reply(4)}});
    struct Ending {
        doed_context* context;
        int errors[2] = {1, 1};
        int count = 0;
    } ending{make_context().release()};
    const auto end_it = [](const doed_reply* reply, void* data) {
        auto& self = *static_cast<Ending*>(data);
        self.errors[self.count++] = doed_reply_error(reply);
        if (self.count == 1) {
            doed_unref(self.context);
        }
    };
    ASSERT_EQ(doed_cdat_refresh_async(ending.context, mailbox_path, end_it, &ending, nullptr), 0);
    ASSERT_EQ(doed_trace_async(ending.context, mailbox_path, end_it, &ending, nullptr), 0);
    while (ending.count == 0) {
        if (doed_process(ending.context) == 0) {
            ASSERT_GE(doed_wait(ending.context, 10'000'000), 0);
        }
    }
    EXPECT_EQ(ending.count, 2);
    EXPECT_EQ(ending.errors[0], 0);
    EXPECT_EQ(ending.errors[1], -ECANCELED);
}

TEST(ACallback, MayCallAgainAndWaitButNotProcess) {
    const FakeDoed doed({{"Refresh", number_reply(4)}, {"GetTrace", text_reply("{}")}});
    const auto context = make_context();
    struct Inner {
        doed_context* context;
        int process = 0;
        int trace = 1;
        Told told;
    } inner{context.get(), 0, 1, {}};
    ASSERT_EQ(doed_cdat_refresh_async(
                  context.get(), mailbox_path,
                  [](const doed_reply*, void* data) {
                      auto& self = *static_cast<Inner*>(data);
                      self.process = doed_process(self.context);
                      char* trace = nullptr;
                      self.trace = doed_trace(self.context, mailbox_path, &trace);
                      std::free(trace);
                      EXPECT_EQ(doed_cdat_refresh_async(self.context, mailbox_path, &on_reply,
                                                        &self.told, nullptr),
                                0);
                  },
                  &inner, nullptr),
              0);
    ASSERT_TRUE(process_until(context.get(), [&] { return !inner.told.errors.empty(); }));
    EXPECT_EQ(inner.process, -EBUSY);
    EXPECT_EQ(inner.trace, 0);
}

TEST(ACall, ThatDoedDoesNotSurviveIsToldAsRepeatable) {
    auto doed = std::make_unique<FakeDoed>(FakeDoed::Handlers{});
    const auto context = make_context();
    Told told;
    ASSERT_EQ(doed_connect(context.get()), 0);
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(doed_discover_async(context.get(), mailbox_path, &on_reply, &told, nullptr), 0);
    }
    // Answered by nobody; what has been sent is seen by the bus before the end of doed.
    doed_snapshot* snapshot = nullptr;
    ASSERT_EQ(doed_set_deadline(context.get(), 100'000), 0);
    EXPECT_EQ(doed_snapshot_get(context.get(), &snapshot), -ETIME);
    doed.reset();
    ASSERT_TRUE(process_until(context.get(), [&] { return told.errors.size() == 50; }));
    EXPECT_THAT(told.errors, Each(-ERESTART));
}

TEST(ABrokenConnection, EndsAllCallsAndStaysBroken) {
    auto* bus = new doed::bus::PrivateBus();
    doed_context* raw = nullptr;
    ASSERT_EQ(doed_new(&raw), 0);
    const ContextPtr context(raw);
    ASSERT_EQ(doed_set_bus(raw, bus->address().c_str()), 0);
    ASSERT_EQ(doed_connect(raw), 0);
    Told told;
    // Nobody has the name there, which the bus would say, if it went on.
    bus->halt();
    ASSERT_EQ(doed_discover_async(raw, mailbox_path, &on_reply, &told, nullptr), 0);
    delete bus;
    ASSERT_TRUE(process_until(raw, [&] { return !told.errors.empty(); }));
    EXPECT_EQ(told.errors.size(), 1U);
    int last = 1;
    while (last > 0) {
        last = doed_process(raw);
    }
    EXPECT_EQ(last, -ENOTCONN);
    EXPECT_EQ(doed_wait(raw, 1'000'000), -ENOTCONN);
    EXPECT_EQ(doed_reset(raw, mailbox_path), -ENOTCONN);
    EXPECT_STREQ(doed_last_error_name(raw), "org.freedesktop.DBus.Error.Disconnected");
}

}  // namespace
}  // namespace doed::client
