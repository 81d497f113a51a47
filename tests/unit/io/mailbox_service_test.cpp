// SPDX-License-Identifier: Apache-2.0
//
// Mailboxes on strands of a real worker pool, called from another thread through completion tokens.
#include "io/mailbox_service.hpp"

#include "cdat/table_access.hpp"
#include "emulator/emulated_host.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace doed::io {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using base::Errc;

constexpr pci::Address address{.bus = 0x0D};

/// One CXL endpoint whose device takes `response_time` for every response.
class AMailboxService : public testing::Test {
protected:
    void start(const std::string& response_time_us, const doe::MailboxOptions& options = {}) {
        auto topology = emulator::Topology::parse(
            R"({"version": 1, "devices": [{"address": "0000:0d:00.0", "kind": "cxl-endpoint", "response_time_us": )" +
                response_time_us + "}]}",
            "test", ".");
        ASSERT_TRUE(topology.has_value()) << topology.error().message();
        host_ = std::make_unique<emulator::EmulatedHost>(std::move(*topology));
        std::vector<base::Error> problems;
        const auto devices = host_->scan(problems);
        ASSERT_TRUE(devices.has_value() && devices->size() == 1 &&
                    devices->front().mailboxes.size() == 1);
        auto config = host_->open(address);
        ASSERT_TRUE(config.has_value()) << config.error().message();
        service_ = MailboxService::create(
            workers_.get_executor(), std::move(*config), address,
            devices->front().mailboxes.front(), options, doe::AllowList(),
            listener_loop_.get_executor(),
            [this](doe::MailboxStatus status) { statuses_.push_back(std::move(status)); });
        service_->start();
    }
    ~AMailboxService() override {
        if (service_) {
            service_->async_close(Errc::cancelled, asio::use_future).wait();
            service_.reset();
        }
        workers_.join();
    }

    static ExecuteOptions within(base::Duration time) {
        return {.deadline = std::chrono::steady_clock::now() + time};
    }
    std::future<OperationResult> read_table(base::Duration deadline = 30s) {
        return service_->async_execute(std::make_shared<cdat::TableAccessOperation>(),
                                       within(deadline), asio::use_future);
    }

    asio::thread_pool workers_{3};
    asio::io_context listener_loop_;
    std::unique_ptr<emulator::EmulatedHost> host_;
    std::shared_ptr<MailboxService> service_;
    std::vector<doe::MailboxStatus> statuses_;
};

TEST_F(AMailboxService, ReadsATable) {
    start("100");
    const auto result = read_table().get();
    ASSERT_TRUE(result.has_value()) << result.error().message();
    const auto& table = static_cast<const cdat::TableAccessOperation&>(**result).table();
    EXPECT_EQ(table.bytes().size(), 160U);
    EXPECT_TRUE(table.checksum_valid());
}

TEST_F(AMailboxService, CompletesOnTheHandlersOwnExecutor) {
    start("100");
    asio::io_context loop;
    std::optional<OperationResult> result;
    std::thread::id completed_on;
    service_->async_execute(std::make_shared<cdat::TableAccessOperation>(), within(30s),
                            asio::bind_executor(loop, [&](OperationResult outcome) {
                                completed_on = std::this_thread::get_id();
                                result = std::move(outcome);
                            }));
    EXPECT_FALSE(result.has_value());
    // The wrapped handler keeps its loop running until it was called.
    loop.run();
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(result->has_value());
    EXPECT_EQ(completed_on, std::this_thread::get_id());
}

TEST_F(AMailboxService, TellsItsListenerOnTheListenersExecutor) {
    start("100");
    ASSERT_TRUE(read_table().get().has_value());
    service_->async_close(Errc::cancelled, asio::use_future).wait();
    EXPECT_TRUE(statuses_.empty());
    listener_loop_.run();
    ASSERT_FALSE(statuses_.empty());
    EXPECT_EQ(statuses_.front().state, doe::MailboxState::starting);
    EXPECT_EQ(statuses_.back().state, doe::MailboxState::closed);
    EXPECT_EQ(statuses_.back().features.size(), 2U);
}

TEST_F(AMailboxService, AnswersManyCallersAtOnceEachOnce) {
    doe::MailboxOptions options;
    options.queue_limit = 1000;
    start("200", options);
    std::vector<std::future<OperationResult>> results;
    for (int i = 0; i < 300; ++i) {
        results.push_back(read_table());
    }
    for (auto& result : results) {
        const auto outcome = result.get();
        EXPECT_TRUE(outcome.has_value()) << outcome.error().message();
    }
}

TEST_F(AMailboxService, WithdrawsAnOperationWhenItsCancellationSlotIsEmitted) {
    start("800000");
    const auto running = read_table();
    asio::cancellation_signal signal;
    std::promise<OperationResult> promise;
    auto withdrawn = promise.get_future();
    service_->async_execute(
        std::make_shared<cdat::TableAccessOperation>(), within(30s),
        asio::bind_cancellation_slot(signal.slot(), [&](OperationResult outcome) {
            promise.set_value(std::move(outcome));
        }));
    const auto start = std::chrono::steady_clock::now();
    signal.emit(asio::cancellation_type::all);
    const auto outcome = withdrawn.get();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 700ms);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code(), Errc::cancelled);
}

TEST_F(AMailboxService, KeepsADeadlineAgainstASlowDevice) {
    start("800000");
    const auto start = std::chrono::steady_clock::now();
    const auto outcome = read_table(100ms).get();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 700ms);
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code(), Errc::deadline_exceeded);
}

TEST_F(AMailboxService, ResetsAndServesOn) {
    start("1000");
    auto first = read_table();
    const auto reset = service_->async_reset(asio::use_future).get();
    EXPECT_TRUE(reset.has_value()) << reset.error().message();
    static_cast<void>(first.get());
    EXPECT_TRUE(read_table().get().has_value());
}

TEST_F(AMailboxService, TellsItsTraceWhileADeviceKeepsItWaiting) {
    start("800000");
    auto running = read_table();
    const auto end = std::chrono::steady_clock::now() + 700ms;
    Trace trace;
    // The claim begins with an abort, which is over at once; what the device keeps waiting is the first exchange.
    while ((trace.empty() || !trace.back().protocol) && std::chrono::steady_clock::now() < end) {
        trace = service_->async_trace(asio::use_future).get();
    }
    ASSERT_FALSE(trace.empty());
    EXPECT_EQ(trace.back().protocol, doe::protocol_discovery);
    EXPECT_FALSE(trace.back().ended);
    EXPECT_EQ(trace.back().purpose, doe::Purpose::claim);
    service_->async_close(Errc::cancelled, asio::use_future).wait();
    const Trace after = service_->async_trace(asio::use_future).get();
    ASSERT_EQ(after.size(), trace.size());
    EXPECT_TRUE(after.back().ended);
}

TEST_F(AMailboxService, CloseAnswersTheRestCancelled) {
    start("100000");
    auto running = read_table();
    auto waiting = read_table();
    service_->async_close(Errc::cancelled, asio::use_future).wait();
    EXPECT_EQ(running.get().error().code(), Errc::cancelled);
    EXPECT_EQ(waiting.get().error().code(), Errc::cancelled);
    EXPECT_EQ(read_table().get().error().code(), Errc::cancelled);
}

}  // namespace
}  // namespace doed::io
