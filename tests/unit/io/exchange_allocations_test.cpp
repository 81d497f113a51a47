// SPDX-License-Identifier: Apache-2.0
//
// What an exchange in the middle of an operation allocates where mailboxes really run: on strands, with the system's timers,
// on one thread and on those of a pool. Asio keeps the memory of what has run for what comes next, by thread.
#include "emulator/emulated_host.hpp"
#include "io/mailbox_service.hpp"
#include "io/worker_pool.hpp"
#include "support/counted_exchanges.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace doed::io {
namespace {

using namespace std::chrono_literals;
using test::CountAllocations;
using test::RepeatedHeader;

/// Endpoints that take as long for each response, with one mailbox each.
emulator::EmulatedHost endpoints(int count, int response_time_us) {
    std::string devices;
    for (int i = 0; i < count; ++i) {
        devices += fmt::format(
            R"({}{{"address": "0000:{:02x}:00.0", "kind": "cxl-endpoint", "response_time_us": {}}})",
            i == 0 ? "" : ", ", i + 1, response_time_us);
    }
    auto topology =
        emulator::Topology::parse(R"({"version": 1, "devices": [)" + devices + "]}", "test", ".");
    return emulator::EmulatedHost(std::move(topology).value());
}

std::shared_ptr<MailboxService> serve(const pci::DeviceInfo& device,
                                      std::unique_ptr<pci::ConfigSpace> config,
                                      const boost::asio::any_io_executor& workers,
                                      boost::asio::io_context& loop) {
    return MailboxService::create(workers, std::move(config), device.address,
                                  device.mailboxes.front(), {}, doe::AllowList(),
                                  loop.get_executor(), [](const doe::MailboxStatus&) {});
}

/// Runs an operation, then closes the mailbox.
void run_and_close(const std::shared_ptr<MailboxService>& service,
                   std::shared_ptr<doe::Operation> operation, boost::asio::io_context& loop) {
    service->start();
    service->async_execute(
        std::move(operation), {.deadline = std::chrono::steady_clock::now() + 60s},
        boost::asio::bind_executor(loop, [&loop, service](OperationResult result) {
            EXPECT_TRUE(result);
            service->async_close(base::Errc::cancelled, boost::asio::bind_executor(loop, [] {}));
        }));
}

// --- One thread ----------------------------------------------------------------------------------------------------------

/// By all exchanges of one operation from `warm` on. `at_each`: what the operation does after each exchange.
std::size_t allocations(int response_time_us, const std::function<void()>& at_each = [] {}) {
    boost::asio::io_context loop;
    emulator::EmulatedHost host = endpoints(1, response_time_us);
    std::vector<base::Error> problems;
    const auto device = host.scan(problems).value().front();
    const auto service = serve(
        device, std::make_unique<test::UncountedConfigSpace>(host.open(device.address).value()),
        loop.get_executor(), loop);
    std::size_t begin = 0;
    std::size_t end = 0;
    run_and_close(service, std::make_shared<RepeatedHeader>([&](int done) {
                      (done <= RepeatedHeader::warm ? begin : end) = test::counted_allocations();
                      at_each();
                  }),
                  loop);
    const CountAllocations on(true);
    loop.run();
    return end - begin;
}

TEST(TheExchangesOfAStrand, AllocateNothing) {
    for (const int response_time_us : {0, 50, 200, 1000, 5000}) {
        EXPECT_EQ(allocations(response_time_us), 0U) << response_time_us << " us";
    }
}

TEST(TheExchangesOfAStrand, AreSeenToAllocateWhenTheyDo) {
    std::unique_ptr<int> kept;
    EXPECT_EQ(allocations(0, [&] { kept = std::make_unique<int>(1); }),
              std::size_t{RepeatedHeader::exchanges - RepeatedHeader::warm});
}

// --- The threads of a pool ---------------------------------------------------------------------------------------------

struct PoolCount {
    std::size_t exchanges = 0;
    test::AllocationsByKind allocations{};
};

/// By as many operations as there are mailboxes, while all of them are beyond their first exchanges, on the pool that the daemon
/// has. `at_each`: what an operation does after each exchange.
PoolCount count_on_pool(
    int mailboxes, int response_time_us, const std::function<void()>& at_each = [] {}) {
    constexpr int first = 500;             // until the threads have a stock of blocks
    constexpr std::size_t measured = 200;  // of each mailbox, on average
    boost::asio::io_context loop;
    emulator::EmulatedHost host = endpoints(mailboxes, response_time_us);
    std::atomic<int> beyond = 0;
    std::atomic<std::size_t> exchanges = 0;
    std::atomic<bool> over = false;
    PoolCount begin;
    PoolCount end;
    const auto now = [&] { return PoolCount{exchanges, test::allocations_of_all_threads()}; };
    const auto after_exchange = [&](int done) {
        // Of each thread that has run an operation. What looks after the pool does not.
        static thread_local const CountAllocations on(true);
        if (done == first && ++beyond == mailboxes) {
            begin = now();
        } else if (beyond == mailboxes &&
                   ++exchanges == measured * static_cast<std::size_t>(mailboxes)) {
            end = now();
            over = true;
        }
        at_each();
    };
    WorkerPool pool{WorkerPool::Options{}};
    std::vector<base::Error> problems;
    const auto devices = host.scan(problems).value();
    for (const auto& device : devices) {
        auto config = attended(
            pool, std::make_unique<test::UncountedConfigSpace>(host.open(device.address).value()));
        run_and_close(
            serve(device, std::move(config), pool.get_executor(), loop),
            std::make_shared<RepeatedHeader>(after_exchange, [&](int) { return over.load(); }),
            loop);
    }
    loop.run();
    pool.join();
    return {end.exchanges - begin.exchanges,
            {end.allocations.objects - begin.allocations.objects,
             end.allocations.blocks - begin.allocations.blocks}};
}

// What Asio keeps a wait, or a turn of a strand, in is kept by the thread that ran it. The thread that a timer wakes is often not
// the one that the mailbox goes on with and that needs such a block next: some threads have too many, others none. A look has
// three of them or four; with a stock (the cache size in meson.build) few are allocated anew.
TEST(TheExchangesOfAPool, AllocateNothingButNowAndThenABlockOfAsios) {
    for (const int mailboxes : {1, 4, 64}) {
        for (const int response_time_us : {0, 50, 1000}) {
            const auto [exchanges, allocations] = count_on_pool(mailboxes, response_time_us);
            const std::string text = fmt::format("{} mailboxes, {} us, {} exchanges", mailboxes,
                                                 response_time_us, exchanges);
            EXPECT_EQ(allocations.objects, 0U) << text;
            EXPECT_LE(allocations.blocks, exchanges / 2) << text;
            RecordProperty(
                fmt::format("blocks_of_{}_mailboxes_at_{}_us", mailboxes, response_time_us),
                fmt::format("{} in {}", allocations.blocks, exchanges));
        }
    }
}

TEST(TheExchangesOfAPool, AreSeenToAllocateWhenTheyDo) {
    const auto [exchanges, allocations] = count_on_pool(1, 50, [] {
        static thread_local std::unique_ptr<int> kept;
        kept = std::make_unique<int>(1);
    });
    EXPECT_EQ(allocations.objects, exchanges);
}

}  // namespace
}  // namespace doed::io
