// SPDX-License-Identifier: Apache-2.0
//
// Handlers that throw, answer late, twice or never, on a real bus: in the first generation of
// sdbus-c++ an exception that leaves a handler ends the process.
#include "daemon/bus/guard.hpp"

#include "cdat_adaptor.hpp"
#include "daemon/bus/connect.hpp"
#include "private_bus.hpp"

#include <boost/asio/post.hpp>
#include <systemd/sd-bus.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

// For the leak sanitizer: sdbus-c++ 1.2 forgets its sd_bus when the address it was to connect to does
// not answer.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:sd_bus_new\n";
}

namespace doed::bus {
namespace {

using Table = ByteArray;
using Body = std::function<void(const Reply<Table>&)>;

constexpr char path[] = "/test/mailbox";

/// An object whose GetTable does what the test wants.
class TestObject final : private sdbus::AdaptorInterfaces<org::doed1::Cdat_adaptor> {
public:
    TestObject(sdbus::IConnection& connection, Pump& pump, Body body)
        : AdaptorInterfaces(connection, sdbus::ObjectPath(path)),
          pump_(pump),
          body_(std::move(body)) {
        registerAdaptor();
    }
    ~TestObject() { unregisterAdaptor(); }

    void leave(base::Error why) const { presence_.leave(std::move(why)); }

private:
    void GetTable(sdbus::Result<Table>&& result, OptionMap) override {
        guard(pump_, presence_, std::move(result), body_);
    }
    void GetJson(sdbus::Result<std::string>&&, OptionMap) override {}
    void GetTableFd(sdbus::Result<sdbus::UnixFd>&& result, OptionMap) override {
        guard(pump_, presence_, std::move(result), [](const auto&) {});
    }
    void Refresh(sdbus::Result<std::uint32_t>&& result, OptionMap options) override {
        serve(pump_, presence_, std::move(result), options, KnownOptions::common,
              std::chrono::seconds(1),
              [](const auto& reply, const MethodOptions&) { reply.succeed(7); });
    }

    std::uint32_t Length() override { return 0; }
    std::uint8_t Revision() override { return 0; }
    std::uint32_t Sequence() override { return 0; }
    bool ChecksumValid() override { return false; }
    std::string Source() override { return {}; }
    std::vector<std::string> Problems() override { return {}; }

    Pump& pump_;
    OwnPresence presence_;
    Body body_;
};

/// A served object on a private bus, its loop on a thread of its own, and a client that is no part
/// of this code base.
class AHandler : public testing::Test {
protected:
    void serve_with(Body body) {
        auto opened = connect(bus.address());
        ASSERT_TRUE(opened) << opened.error().message();
        connection = std::move(*opened);
        pump.emplace(loop, *connection, [](const std::string&) {});
        object.emplace(*connection, *pump, std::move(body));
        name = connection->getUniqueName();
        pump->start();
        thread = std::thread([this] { loop.run(); });
        ASSERT_GE(::sd_bus_new(&client), 0);
        ASSERT_GE(::sd_bus_set_address(client, bus.address().c_str()), 0);
        ASSERT_GE(::sd_bus_set_bus_client(client, 1), 0);
        ASSERT_GE(::sd_bus_start(client), 0);
    }

    ~AHandler() override {
        boost::asio::post(loop, [this] { loop.stop(); });
        if (thread.joinable()) {
            thread.join();
        }
        object.reset();
        ::sd_bus_flush_close_unref(client);
    }

    /// The name of the error that the call ends with; empty when it succeeds.
    std::string call(const char* method) const {
        sd_bus_error error{};
        const int result = ::sd_bus_call_method(client, name.c_str(), path, "org.doed1.Cdat",
                                                method, &error, nullptr, "a{sv}", 0);
        const std::string text = result >= 0 ? "" : std::string(error.name) + ": " + error.message;
        ::sd_bus_error_free(&error);
        return text;
    }

    PrivateBus bus;
    boost::asio::io_context loop{1};
    std::unique_ptr<sdbus::IConnection> connection;
    std::optional<Pump> pump;
    std::optional<TestObject> object;
    std::thread thread;
    std::string name;
    sd_bus* client = nullptr;
};

TEST_F(AHandler, ThatThrowsAnswersWithAnErrorAndTheServiceLives) {
    serve_with([](const auto&) { throw std::runtime_error("the sky fell"); });
    EXPECT_EQ(call("GetTable"), "org.freedesktop.DBus.Error.Failed: the sky fell");
    EXPECT_EQ(call("Refresh"), "");
}

TEST_F(AHandler, ThatThrowsABusErrorAnswersWithThatOne) {
    serve_with([](const auto&) { throw make_error("org.doed1.Error.Busy", "try again"); });
    EXPECT_EQ(call("GetTable"), "org.doed1.Error.Busy: try again");
}

TEST_F(AHandler, ThatRunsOutOfMemorySaysSo) {
    serve_with([](const auto&) { throw std::bad_alloc(); });
    EXPECT_EQ(call("GetTable"), "org.doed1.Error.LimitsExceeded: out of memory: too many at once");
}

TEST_F(AHandler, ThatForgetsItsCallAnswersCancelled) {
    serve_with([](const auto&) {});
    EXPECT_EQ(call("GetTable"), "org.doed1.Error.Cancelled: the request was cancelled");
}

TEST_F(AHandler, MayAnswerLater) {
    serve_with([this](const auto& reply) {
        auto timer =
            std::make_shared<boost::asio::steady_timer>(loop, std::chrono::milliseconds(20));
        timer->async_wait(
            [timer, reply](const boost::system::error_code&) { reply.succeed({1, 2, 3}); });
    });
    EXPECT_EQ(call("GetTable"), "");
}

TEST_F(AHandler, AnswersOnceOnly) {
    serve_with([](const auto& reply) {
        reply.fail(base::Error(base::Errc::timeout, "first"));
        reply.succeed({1});
        reply.fail(base::Error(base::Errc::dead, "third"));
    });
    EXPECT_EQ(call("GetTable"),
              "org.doed1.Error.Timeout: first: the device did not respond in time");
    EXPECT_EQ(call("Refresh"), "") << "the connection is in order";
}

TEST_F(AHandler, AnswersWithAnErrorForAnObjectThatIsNoMore) {
    serve_with([this](const auto& reply) {
        boost::asio::post(loop, [this, reply] {
            object.reset();
            reply.succeed({1, 2, 3});
        });
    });
    EXPECT_EQ(call("GetTable"), "org.doed1.Error.Cancelled: the request was cancelled");
}

TEST_F(AHandler, SaysWhyTheObjectIsNoMore) {
    serve_with([this](const auto& reply) {
        boost::asio::post(loop, [this, reply] {
            object->leave(base::Error(base::Errc::released, "lent to :1.7"));
            object.reset();
            reply.succeed({1, 2, 3});
        });
    });
    EXPECT_EQ(call("GetTable").find("org.doed1.Error.Released: lent to :1.7: "), 0U);
}

TEST(AConnection, ThatCannotBeMadeSaysWhy) {
    const auto connection = connect("unix:path=/nonexistent/bus");
    ASSERT_FALSE(connection);
    EXPECT_NE(connection.error().context().find("No such file"), std::string::npos)
        << connection.error().context();
}

}  // namespace
}  // namespace doed::bus
