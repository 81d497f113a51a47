// SPDX-License-Identifier: Apache-2.0
//
// What an exchange in the middle of an operation allocates where mailboxes really run: on a strand, with the system's timers.
// Asio keeps the memory of what has run for what comes next, by thread: the test's own is the only one here.
#include "emulator/emulated_host.hpp"
#include "io/mailbox_service.hpp"
#include "support/counted_exchanges.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace doed::io {
namespace {

using namespace std::chrono_literals;
using test::CountAllocations;
using test::RepeatedHeader;

class TheExchangesOfAStrand : public testing::Test {
protected:
    /// By all exchanges of one operation from `warm` on, with a device that takes as long for each response.
    std::size_t allocations(const std::string& response_time_us) {
        auto topology = emulator::Topology::parse(
            R"({"version": 1, "devices": [{"address": "0000:0d:00.0", "kind": "cxl-endpoint", "response_time_us": )" +
                response_time_us + "}]}",
            "test", ".");
        emulator::EmulatedHost host(std::move(topology).value());
        std::vector<base::Error> problems;
        const auto device = host.scan(problems).value().front();
        const auto service = MailboxService::create(
            loop_.get_executor(),
            std::make_unique<test::UncountedConfigSpace>(host.open(device.address).value()),
            device.address, device.mailboxes.front(), {}, doe::AllowList(), loop_.get_executor(),
            [](const doe::MailboxStatus&) {});
        service->start();
        std::size_t begin = 0;
        std::size_t end = 0;
        std::optional<OperationResult> result;
        service->async_execute(std::make_shared<RepeatedHeader>([&](int done) {
                                   (done <= RepeatedHeader::warm ? begin : end) =
                                       test::counted_allocations();
                               }),
                               {.deadline = std::chrono::steady_clock::now() + 30s},
                               boost::asio::bind_executor(loop_, [&](OperationResult outcome) {
                                   result = std::move(outcome);
                                   service->async_close(base::Errc::cancelled,
                                                        boost::asio::bind_executor(loop_, [] {}));
                               }));
        loop_.restart();
        {
            const CountAllocations on(true);
            loop_.run();
        }
        EXPECT_TRUE(result && *result);
        return end - begin;
    }

private:
    boost::asio::io_context loop_;
};

TEST_F(TheExchangesOfAStrand, AllocateNothing) {
    for (const char* const response_time_us : {"0", "50", "200", "1000", "5000"}) {
        EXPECT_EQ(allocations(response_time_us), 0U) << response_time_us << " us";
    }
}

}  // namespace
}  // namespace doed::io
