// SPDX-License-Identifier: Apache-2.0
//
// Subscriptions: what an event says, and what happens when the doed behind them goes, comes back, refuses or is not there.
#include "base/event.hpp"
#include "base/unique_fd.hpp"
#include "child_with_copies.hpp"
#include "fake_doed.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace doed::client {
namespace {

using base::Event;
using base::EventAddress;
using testing::ElementsAre;

/// doed's end of the streams that it gave out.
class Streams {
public:
    /// Hands out the other end of a new stream, which begins with "subscribed".
    FakeDoed::Handler handler() {
        return fd_reply([this] {
            int ends[2];
            EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
            const std::scoped_lock lock(mutex_);
            open_.emplace_back(ends[0]);
            sequence_ = 0;
            send_locked({.body = base::SubscribedEvent{.queue_limit = 16}}, 0);
            return ends[1];
        });
    }
    void send(const Event& event, std::uint64_t lost = 0) {
        const std::scoped_lock lock(mutex_);
        send_locked(event, lost);
    }
    /// What no doed writes.
    void send_nonsense() {
        const std::scoped_lock lock(mutex_);
        EXPECT_EQ(::send(open_.back().get(), "nonsense", 8, MSG_NOSIGNAL | MSG_DONTWAIT), 8);
    }
    void cut() {
        const std::scoped_lock lock(mutex_);
        open_.clear();
    }
    std::size_t count() {
        const std::scoped_lock lock(mutex_);
        return open_.size();
    }

private:
    void send_locked(const Event& event, std::uint64_t lost) {
        // Lost ones have had their numbers.
        sequence_ += lost;
        auto packet = base::encode(event);
        base::stamp(packet, {.sequence = sequence_++, .lost = lost, .pending = 2});
        EXPECT_EQ(::send(open_.back().get(), packet.data(), packet.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(packet.size()));
    }

    std::mutex mutex_;
    std::vector<base::UniqueFd> open_;
    std::uint64_t sequence_ = 0;
};

/// What came, in words; and the last one's numbers.
struct Heard {
    std::vector<std::string> words;
    doed_event last{};

    static void on_event(const doed_event* event, void* self) {
        auto& heard = *static_cast<Heard*>(self);
        heard.last = *event;
        std::string word = doed_event_type_name(event->type);
        for (const char* text : {event->address, event->path, event->from, event->to, event->owner,
                                 event->name, event->text}) {
            word += *text != '\0' ? std::string(" ") + text : "";
        }
        heard.words.push_back(word);
    }
};

constexpr EventAddress address{.domain = 0, .bus = 0x0d, .device = 0, .function = 0};

class ASubscription : public testing::Test {
protected:
    void TearDown() override { doed_subscription_unref(subscription_); }

    void start_doed() {
        doed_ = std::make_unique<FakeDoed>(FakeDoed::Handlers{{"Subscribe", streams_.handler()}});
    }
    void subscribe() {
        ASSERT_EQ(doed_subscribe(context_.get(), &Heard::on_event, &heard_, &subscription_), 0);
    }
    bool hear(std::size_t count) {
        return process_until(context_.get(), [&] { return heard_.words.size() >= count; });
    }

    Streams streams_;
    std::unique_ptr<FakeDoed> doed_;
    ContextPtr context_ = make_context();
    Heard heard_;
    doed_subscription* subscription_ = nullptr;
};

TEST_F(ASubscription, BeginsByItselfAndTellsEachEventWithItsFields) {
    start_doed();
    subscribe();
    EXPECT_TRUE(heard_.words.empty());
    ASSERT_TRUE(hear(1));
    EXPECT_EQ(heard_.last.limit, 16U);

    streams_.send({.time_us = 77,
                   .address = address,
                   .mailbox_offset = 0x190,
                   .body = base::StateEvent{"idle", "busy"}},
                  3);
    ASSERT_TRUE(hear(2));
    EXPECT_EQ(heard_.last.size, sizeof(doed_event));
    EXPECT_EQ(heard_.last.offset, 0x190);
    EXPECT_EQ(heard_.last.time_usec, 77U);
    EXPECT_EQ(heard_.last.lost, 3U);
    EXPECT_EQ(heard_.last.pending, 2U);
    EXPECT_EQ(heard_.last.sequence, 4U);

    streams_.send(
        {.address = address,
         .mailbox_offset = 0x190,
         .body = base::ExchangeFailedEvent{0x1e98, 2, "org.doed1.Error.Timeout", "late"}});
    ASSERT_TRUE(hear(3));
    EXPECT_EQ(heard_.last.error, -ETIMEDOUT);
    EXPECT_EQ(heard_.last.vendor_id, 0x1e98);
    EXPECT_EQ(heard_.last.object_type, 2);

    streams_.send({.address = address, .body = base::DeviceAddedEvent{1, 2, 0x050210}});
    ASSERT_TRUE(hear(4));
    EXPECT_EQ(heard_.last.class_code, 0x050210U);
    streams_.send({.address = address,
                   .mailbox_offset = 0x190,
                   .body = base::OwnerEvent{"daemon", "kernel", "it binds"}});
    streams_.send({.address = address, .mailbox_offset = 0x190, .body = base::CdatChangedEvent{9}});
    ASSERT_TRUE(hear(6));
    EXPECT_EQ(heard_.last.cdat_sequence, 9U);

    const std::string device = "0000:0d:00.0 /org/doed1/device/0000_0d_00_0";
    const std::string mailbox = device + "/mailbox_190";
    EXPECT_THAT(
        heard_.words,
        ElementsAre("subscribed", "state " + mailbox + " idle busy",
                    "exchange-failed " + mailbox + " org.doed1.Error.Timeout late",
                    "device-added " + device, "owner " + mailbox + " daemon kernel it binds",
                    "cdat-changed " + mailbox));
}

TEST_F(ASubscription, PassesOverWhatNoDoedWritesAndShowsWhatALaterOneDoes) {
    start_doed();
    subscribe();
    ASSERT_TRUE(hear(1));
    streams_.send({.body = base::UnknownEvent{static_cast<base::EventType>(99), {1, 2}}});
    ASSERT_TRUE(hear(2));
    EXPECT_EQ(heard_.last.type, 99U);
    EXPECT_THAT(heard_.words, ElementsAre("subscribed", "unknown"));
}

TEST_F(ASubscription, PassesOverNonsenseAStretchAtATime) {
    start_doed();
    subscribe();
    ASSERT_TRUE(hear(1));
    for (int i = 0; i < 64; ++i) {
        streams_.send_nonsense();
    }
    streams_.send({.address = address, .body = base::DeviceRemovedEvent{}});
    // Whoever writes faster than it is read must not keep the program from the rest of its work.
    EXPECT_EQ(doed_process(context_.get()), 1);
    EXPECT_EQ(heard_.words.size(), 1U);
    ASSERT_TRUE(hear(2));
}

TEST_F(ASubscription, DoesNotHammerADoedThatGivesNothingToReadFrom) {
    std::atomic<int> asked = 0;
    const auto ended_stream = [] {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        ::close(ends[0]);
        return ends[1];
    };
    doed_ = std::make_unique<FakeDoed>(FakeDoed::Handlers{
        {"Subscribe", [&](sd_bus_message* call) {
             // A stream that has ended, then a file, which no epoll takes.
             return asked++ % 2 == 0
                        ? fd_reply(ended_stream)(call)
                        : fd_reply([] { return ::memfd_create("none", MFD_CLOEXEC); })(call);
         }}});
    subscribe();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (std::chrono::steady_clock::now() < end) {
        while (doed_process(context_.get()) > 0) {
        }
        ASSERT_GE(doed_wait(context_.get(), 100'000), 0);
    }
    // Pauses of 0.25 s, 0.5 s, 1 s, ...
    EXPECT_GE(asked, 2);
    EXPECT_LE(asked, 4);
    EXPECT_TRUE(heard_.words.empty());
}

TEST_F(ASubscription, LeavesNothingToWakeForWhenAChildHasCopiesOfItsDescriptors) {
    start_doed();
    subscribe();
    ASSERT_TRUE(hear(1));
    const ChildWithCopies child([&] { streams_.cut(); });
    streams_.cut();
    EXPECT_TRUE(hear(2));
    while (doed_process(context_.get()) > 0) {
    }
    EXPECT_EQ(doed_wait(context_.get(), 50'000), 0);
}

TEST_F(ASubscription, OutlivesItsDoed) {
    start_doed();
    subscribe();
    ASSERT_TRUE(hear(1));
    // What was sent before its end is told before its end.
    streams_.send({.address = address, .body = base::DeviceRemovedEvent{}});
    streams_.cut();
    doed_.reset();
    ASSERT_TRUE(hear(3));
    start_doed();
    ASSERT_TRUE(hear(4));
    EXPECT_EQ(heard_.last.limit, 16U);
    streams_.send({.address = address, .body = base::DeviceRemovedEvent{}});
    ASSERT_TRUE(hear(5));
    const std::string removed = "device-removed 0000:0d:00.0 /org/doed1/device/0000_0d_00_0";
    EXPECT_THAT(heard_.words,
                ElementsAre("subscribed", removed, "daemon-gone", "daemon-restarted", removed));
}

TEST_F(ASubscription, ThatWasCutBeginsAnewAtTheSameDoed) {
    start_doed();
    subscribe();
    ASSERT_TRUE(hear(1));
    streams_.cut();
    ASSERT_TRUE(hear(2));
    EXPECT_THAT(heard_.words, ElementsAre("subscribed", "daemon-restarted"));
}

TEST_F(ASubscription, WaitsForADoedThatDoesNotRunYet) {
    subscribe();
    ASSERT_TRUE(hear(1));
    start_doed();
    ASSERT_TRUE(hear(2));
    EXPECT_THAT(heard_.words, ElementsAre("daemon-gone", "subscribed"));
}

TEST_F(ASubscription, ThatIsRefusedSaysSoAndIsOver) {
    doed_ = std::make_unique<FakeDoed>(FakeDoed::Handlers{
        {"Subscribe", error_reply("org.freedesktop.DBus.Error.AccessDenied", "no")}});
    subscribe();
    ASSERT_TRUE(hear(1));
    EXPECT_THAT(heard_.words, ElementsAre("refused org.freedesktop.DBus.Error.AccessDenied no"));
    EXPECT_EQ(heard_.last.error, -EACCES);
    EXPECT_TRUE(heard_.last.last);
    EXPECT_EQ(doed_wait(context_.get(), 0), 0);
}

TEST_F(ASubscription, AsksAgainAfterARefusalThatMayPass) {
    std::atomic<int> asked = 0;
    doed_ = std::make_unique<FakeDoed>(FakeDoed::Handlers{
        {"Subscribe", [&](sd_bus_message* call) {
             return asked++ == 0 ? error_reply("org.doed1.Error.LimitsExceeded")(call)
                                 : streams_.handler()(call);
         }}});
    subscribe();
    ASSERT_TRUE(hear(1));
    EXPECT_FALSE(heard_.last.last);
    ASSERT_TRUE(hear(2));
    EXPECT_THAT(heard_.words,
                ElementsAre("refused org.doed1.Error.LimitsExceeded because", "subscribed"));
}

TEST_F(ASubscription, LeavesEventsToDoedUntilTheyAreProcessed) {
    start_doed();
    subscribe();
    ASSERT_TRUE(hear(1));
    for (int i = 0; i < 5; ++i) {
        streams_.send({.address = address, .body = base::DeviceRemovedEvent{}});
    }
    // One callback at a time.
    EXPECT_EQ(doed_process(context_.get()), 1);
    EXPECT_EQ(heard_.words.size(), 2U);
    ASSERT_TRUE(hear(6));
}

TEST_F(ASubscription, MayEndInItsOwnCallbackAndIsNotHeardOfAgain) {
    start_doed();
    struct Ending {
        doed_subscription* subscription = nullptr;
        int count = 0;
    } ending;
    ASSERT_EQ(doed_subscribe(
                  context_.get(),
                  [](const doed_event*, void* data) {
                      auto& self = *static_cast<Ending*>(data);
                      ++self.count;
                      self.subscription = doed_subscription_unref(self.subscription);
                  },
                  &ending, &ending.subscription),
              0);
    ASSERT_TRUE(process_until(context_.get(), [&] { return ending.count > 0; }));
    streams_.cut();
    doed_.reset();
    start_doed();
    subscribe();
    ASSERT_TRUE(hear(1));
    EXPECT_EQ(ending.count, 1);
}

TEST_F(ASubscription, EndsBeforeItHasBegunWithoutAWord) {
    start_doed();
    subscribe();
    subscription_ = doed_subscription_unref(subscription_);
    char* trace = nullptr;
    ASSERT_EQ(doed_set_deadline(context_.get(), 10'000), 0);
    EXPECT_EQ(doed_trace(context_.get(), mailbox_path, &trace), -ETIME);
    while (doed_process(context_.get()) > 0) {
    }
    EXPECT_TRUE(heard_.words.empty());
}

TEST_F(ASubscription, SurvivesTheEndOfItsContextAsAHandle) {
    start_doed();
    subscribe();
    ASSERT_TRUE(hear(1));
    context_.reset();
    EXPECT_EQ(heard_.words.size(), 1U);
}

}  // namespace
}  // namespace doed::client
