// SPDX-License-Identifier: Apache-2.0
//
// LibdoedService on a private bus, with a doed that answers rightly, wrongly, late or not at all. What libdoed makes of answers
// is tested with libdoed; here it is what doectl makes of libdoed's.
#include "client/libdoed_service.hpp"

#include "../libdoed/fake_doed.hpp"
#include "base/event.hpp"

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace doed::client {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

/// Connected.
class OnTheBus {
public:
    explicit OnTheBus(std::chrono::microseconds timeout = 10s)
        : service_(BusPlace(bus_address()), timeout) {
        const auto connected = service_.connect();
        EXPECT_TRUE(connected);
    }
    LibdoedService* operator->() { return &service_; }

private:
    LibdoedService service_;
};

Failure failure_to_connect(const std::string& where) {
    LibdoedService service(BusPlace(where), 1s);
    const auto connected = service.connect();
    EXPECT_FALSE(connected) << where;
    return connected ? Failure(FailureKind::general, "none") : connected.error();
}

TEST(Connecting, SaysWhatIsNoBus) {
    EXPECT_EQ(failure_to_connect("sytem").line(),
              "cannot connect to the bus at sytem: Invalid argument; "
              "--bus takes system, session or a D-Bus address");
    const auto nowhere = failure_to_connect("unix:path=/nonexistent/bus");
    EXPECT_EQ(nowhere.kind(), FailureKind::no_daemon);
    EXPECT_EQ(nowhere.line(),
              "cannot connect to the bus at unix:path=/nonexistent/bus: No such file or directory; "
              "start the bus, or name another one with --bus");
}

TEST(ADoedThatIsAway, IsToldWithAdviceForItsBus) {
    OnTheBus service;
    const auto devices = service->devices();
    ASSERT_FALSE(devices);
    EXPECT_EQ(devices.error().kind(), FailureKind::no_daemon);
    EXPECT_THAT(devices.error().advice(), StartsWith("is doed running on the bus at unix:"));
}

TEST(Listing, ReadsEveryProperty) {
    const FakeDoed doed({{"GetManagedObjects", objects_reply()}});
    OnTheBus service;
    const auto devices = service->devices();
    ASSERT_TRUE(devices) << devices.error().line();
    ASSERT_EQ(devices->size(), 2U);
    const auto& device = devices->front();
    EXPECT_EQ(device.path, "/org/doed1/device/0000_0d_00_0");
    EXPECT_EQ(device.address, "0000:0d:00.0");
    EXPECT_NE(device.vendor_id, 0);
    ASSERT_EQ(device.mailboxes.size(), 1U);
    const auto& mailbox = device.mailboxes.front();
    EXPECT_EQ(mailbox.path, mailbox_path);
    EXPECT_EQ(mailbox.offset, 0x190);
    EXPECT_THAT(mailbox.state, Not(IsEmpty()));
    EXPECT_THAT(mailbox.owner, Not(IsEmpty()));
    EXPECT_THAT(mailbox.features, Not(IsEmpty()));
    EXPECT_TRUE(mailbox.cdat);
    EXPECT_EQ(devices->back().mailboxes.size(), 2U);
}

TEST(AnErrorOfDoed, KeepsItsNameAndGetsAdvice) {
    const FakeDoed doed({{"Discover", error_reply("org.doed1.Error.KernelOwned")},
                         {"Reset", error_reply("org.doed1.Error.Dead")},
                         {"GetTrace", error_reply("com.example.Odd")}});
    OnTheBus service;
    EXPECT_EQ(service->discover(mailbox_path).error().kind(), FailureKind::refused);
    EXPECT_EQ(service->discover(mailbox_path).error().message(), "because");
    EXPECT_THAT(service->reset(mailbox_path).error().advice(), HasSubstr("doectl reset"));
    const auto odd = service->trace(mailbox_path);
    EXPECT_EQ(odd.error().kind(), FailureKind::general);
    EXPECT_EQ(odd.error().dbus_name(), "com.example.Odd");
    EXPECT_THAT(odd.error().advice(), Not(IsEmpty()));
}

TEST(AnAnswerThatIsNone, IsOfAnotherVersion) {
    const FakeDoed doed({{"GetTrace", number_reply(7)}});
    OnTheBus service;
    const auto trace = service->trace(mailbox_path);
    ASSERT_FALSE(trace);
    EXPECT_EQ(trace.error().kind(), FailureKind::general);
    EXPECT_EQ(trace.error().advice(), versions_differ);
}

TEST(ADoedThatSaysNothing, IsWaitedForAsLongAsAsked) {
    const FakeDoed doed({});
    OnTheBus service(1s);
    int told = 0;
    service->on_wait([&](std::chrono::microseconds) { ++told; });
    const auto trace = service->trace(mailbox_path);
    ASSERT_FALSE(trace);
    EXPECT_EQ(trace.error().kind(), FailureKind::timed_out);
    EXPECT_EQ(trace.error().advice(), "allow more time with --timeout");
    EXPECT_GE(told, 1);
}

TEST(ATable, ComesInEitherSize) {
    const std::vector<std::uint8_t> bytes{1, 2, 3};
    {
        const FakeDoed doed({{"GetTable", bytes_reply(bytes)}});
        OnTheBus service;
        EXPECT_EQ(service->table(mailbox_path, true), bytes);
    }
    const FakeDoed doed(
        {{"GetTable", error_reply("org.doed1.Error.TooLarge")}, {"GetTableFd", file_reply(bytes)}});
    OnTheBus service;
    EXPECT_EQ(service->table(mailbox_path, false), bytes);
}

TEST(ADocument, ThatDoedDoesNotHaveIsEmpty) {
    for (const char* name :
         {"org.doed1.Error.TooLarge", "org.freedesktop.DBus.Error.UnknownMethod"}) {
        const FakeDoed doed({{"GetJson", error_reply(name)}});
        OnTheBus service;
        EXPECT_EQ(service->table_document(mailbox_path), "") << name;
    }
    const FakeDoed doed({{"GetJson", error_reply("org.doed1.Error.Dead")}});
    OnTheBus service;
    EXPECT_FALSE(service->table_document(mailbox_path));
}

TEST(ALease, IsADescriptorOfItsOwn) {
    const FakeDoed doed({{"Release", fd_reply([] { return ::eventfd(0, EFD_CLOEXEC); })}});
    OnTheBus service;
    const auto lease = service->release(mailbox_path);
    ASSERT_TRUE(lease) << lease.error().line();
    EXPECT_GT(lease->get(), STDERR_FILENO);
}

TEST(Interaction, IsAskedForWhileItIsAllowed) {
    std::vector<bool> interactive;
    const FakeDoed doed({{"GetTrace", [&](sd_bus_message* call) {
                              bool asked = false;
                              sd_bus_message_enter_container(call, 'a', "{sv}");
                              while (sd_bus_message_enter_container(call, 'e', "sv") > 0) {
                                  const char* key = nullptr;
                                  sd_bus_message_read(call, "s", &key);
                                  asked = asked || std::string(key) == "interactive";
                                  sd_bus_message_skip(call, "v");
                                  sd_bus_message_exit_container(call);
                              }
                              interactive.push_back(asked);
                              return sd_bus_reply_method_return(call, "s", "{}");
                          }}});
    OnTheBus service;
    for (const bool allowed : {false, true, false}) {
        service->allow_interaction(allowed);
        EXPECT_TRUE(service->trace(mailbox_path));
    }
    EXPECT_THAT(interactive, testing::ElementsAre(false, true, false));
}

TEST(Following, EndsWhenOneOfItsEndsHasSomethingToSay) {
    const FakeDoed doed({});
    OnTheBus service;
    const int end = ::eventfd(1, EFD_CLOEXEC);
    const pollfd said{end, POLLIN, 0};
    EXPECT_TRUE(service->follow([](const Event&) { return true; }, std::span(&said, 1)));
    ::close(end);
}

TEST(Following, EndsThoughACallOfItsReaderIsNotAnswered) {
    const FakeDoed doed({{"Subscribe", error_reply("org.doed1.Error.LimitsExceeded")},
                         {"GetManagedObjects", [](sd_bus_message*) { return 1; }}});
    OnTheBus service(60s);
    const int end = ::eventfd(0, EFD_CLOEXEC);
    const pollfd said{end, POLLIN, 0};
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(service->follow(
        [&](const Event&) {
            ::eventfd_write(end, 1);
            EXPECT_FALSE(service->devices());
            return true;
        },
        std::span(&said, 1)));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
    ::close(end);
}

TEST(Following, TellsWhatDoedRefuses) {
    const FakeDoed doed({{"Subscribe", error_reply("org.freedesktop.DBus.Error.AccessDenied")}});
    OnTheBus service;
    const auto followed = service->follow([](const Event&) { return true; }, {});
    ASSERT_FALSE(followed);
    EXPECT_EQ(followed.error().kind(), FailureKind::access_denied);
}

TEST(Following, AsksAgainWhenThereAreTooMany) {
    const FakeDoed doed({{"Subscribe", error_reply("org.doed1.Error.LimitsExceeded")}});
    OnTheBus service;
    int refused = 0;
    EXPECT_TRUE(service->follow(
        [&](const Event& event) {
            EXPECT_EQ(event.kind, EventKind::refused);
            return ++refused < 2;
        },
        {}));
    EXPECT_EQ(refused, 2);
}

TEST(Following, EndsWhenDoedDoesNotAnswerAtFirst) {
    const FakeDoed doed({{"Subscribe", error_reply("org.freedesktop.DBus.Error.Timeout")}});
    OnTheBus service;
    EXPECT_FALSE(service->follow([](const Event&) { return true; }, {}));
}

TEST(Following, AsksAgainOfADoedThatDoesNotAnswerAfterARestart) {
    // A stream that is over once it has begun: what a doed that ends leaves behind.
    const auto short_stream = fd_reply([] {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        auto packet = base::encode({.body = base::SubscribedEvent{.queue_limit = 16}});
        base::stamp(packet, {.sequence = 0, .lost = 0, .pending = 0});
        EXPECT_EQ(::send(ends[0], packet.data(), packet.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(packet.size()));
        ::close(ends[0]);
        return ends[1];
    });
    std::atomic<int> asked = 0;
    const FakeDoed doed({{"Subscribe", [&](sd_bus_message* call) {
                              return asked++ == 1
                                         ? error_reply("org.freedesktop.DBus.Error.Timeout")(call)
                                         : short_stream(call);
                          }}});
    OnTheBus service;
    std::vector<EventKind> heard;
    EXPECT_TRUE(service->follow(
        [&](const Event& event) {
            heard.push_back(event.kind);
            return heard.size() < 3;
        },
        {}));
    EXPECT_THAT(heard, testing::ElementsAre(EventKind::subscribed, EventKind::refused,
                                            EventKind::daemon_restarted));
}

}  // namespace
}  // namespace doed::client
