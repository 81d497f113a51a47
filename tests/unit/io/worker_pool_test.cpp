// SPDX-License-Identifier: Apache-2.0
//
// Threads that are held up, and mailboxes beside others whose config accesses block or whose responses are long.
#include "io/worker_pool.hpp"

#include "cdat/table_access.hpp"
#include "emulator/emulated_host.hpp"
#include "io/mailbox_service.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace doed::io {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using base::Errc;

// For what must happen, on a machine under load; far below what a test would hang for.
constexpr auto patience = 30s;

/// Opened once.
class Gate {
public:
    void wait() const { opened_.wait(); }
    void open() {
        if (!std::exchange(open_, true)) {
            promise_.set_value();
        }
    }

private:
    std::promise<void> promise_;
    std::shared_future<void> opened_ = promise_.get_future().share();
    bool open_ = false;
};

/// How often a thread, or all of them, went on after it had waited.
long wakes(int who) {
    rusage usage{};
    ::getrusage(who, &usage);
    return usage.ru_nvcsw;
}

class AWorkerPool : public testing::Test {
protected:
    ~AWorkerPool() override {
        gate.open();
        pool.join();
    }
    void hold_up(unsigned threads) {
        for (unsigned i = 0; i < threads; ++i) {
            asio::post(pool.get_executor(), [this] { gate.wait(); });
        }
    }
    std::future<void> post() {
        return asio::post(pool.get_executor(), asio::use_future([] {}));
    }

    Gate gate;
    WorkerPool pool{{.threads = 2, .threads_max = 5, .patience = 10ms, .pause = 1ms}};
};

TEST_F(AWorkerPool, StartsAThreadWhenAllAreHeldUp) {
    pool.begin_use();
    hold_up(2);
    EXPECT_EQ(post().wait_for(patience), std::future_status::ready);
    EXPECT_GT(pool.threads(), 2U);
    pool.end_use();
}

TEST_F(AWorkerPool, StartsNoMoreThanItsLimit) {
    pool.begin_use();
    hold_up(5);
    auto waiting = post();
    EXPECT_EQ(waiting.wait_for(200ms), std::future_status::timeout);
    EXPECT_EQ(pool.threads(), 5U);
    gate.open();
    EXPECT_EQ(waiting.wait_for(patience), std::future_status::ready);
    pool.end_use();
}

TEST_F(AWorkerPool, LooksAfterItsThreadsOnlyWhileItIsInUse) {
    hold_up(2);
    auto waiting = post();
    EXPECT_EQ(waiting.wait_for(100ms), std::future_status::timeout);
    EXPECT_EQ(pool.threads(), 2U);
    pool.begin_use();
    EXPECT_EQ(waiting.wait_for(patience), std::future_status::ready);
    pool.end_use();
}

TEST_F(AWorkerPool, WakesItsAttendantForTheFirstUseAlone) {
    WorkerPool attended_one{{.threads = 1, .threads_max = 2, .pause = 1h}};
    const auto of_worker = [&] {
        return asio::post(attended_one.get_executor(),
                          asio::use_future([] { return wakes(RUSAGE_THREAD); }))
            .get();
    };
    const auto of_attendant = [&] {
        return wakes(RUSAGE_SELF) - wakes(RUSAGE_THREAD) - of_worker();
    };
    const auto before = of_attendant();
    for (int i = 0; i < 200; ++i) {
        attended_one.begin_use();
        static_cast<void>(of_worker());
        attended_one.end_use();
    }
    EXPECT_LT(of_attendant() - before, 20);
}

TEST_F(AWorkerPool, EndsThreadsThatItStarted) {
    pool.begin_use();
    hold_up(4);
    ASSERT_EQ(post().wait_for(patience), std::future_status::ready);
    gate.open();
    pool.end_use();
    pool.join();
    EXPECT_EQ(pool.threads(), 2U);
}

/// Accesses that wait at a gate, once the mailbox is claimed.
class HeldConfigSpace final : public pci::ConfigSpace {
public:
    HeldConfigSpace(std::unique_ptr<pci::ConfigSpace> config, Gate& gate,
                    const std::atomic<bool>& held)
        : config_(std::move(config)), gate_(gate), held_(held) {}

    base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        hold();
        return config_->read32(offset);
    }
    base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        hold();
        return config_->write32(offset, value);
    }

private:
    void hold() const {
        if (held_) {
            gate_.wait();
        }
    }

    std::unique_ptr<pci::ConfigSpace> config_;
    Gate& gate_;
    const std::atomic<bool>& held_;
};

/// Devices, each with one mailbox; the first is never held up.
class MailboxesSideBySide : public testing::Test {
protected:
    void add_host(const std::string& devices) {
        auto topology = emulator::Topology::parse(R"({"version": 1, "devices": [)" + devices + "]}",
                                                  "test", ".");
        ASSERT_TRUE(topology.has_value()) << topology.error().message();
        host_ = std::make_unique<emulator::EmulatedHost>(std::move(*topology));
        std::vector<base::Error> problems;
        auto found = host_->scan(problems);
        ASSERT_TRUE(found && problems.empty());
        for (const auto& device : *found) {
            add(device);
        }
    }
    void add(const pci::DeviceInfo& device) {
        auto config = host_->open(device.address);
        ASSERT_TRUE(config.has_value());
        if (!services_.empty()) {
            *config = std::make_unique<HeldConfigSpace>(std::move(*config), gate_, held_);
        }
        services_.push_back(
            MailboxService::create(pool_->get_executor(), attended(*pool_, std::move(*config)),
                                   device.address, device.mailboxes.front(), {}, doe::AllowList(),
                                   loop_.get_executor(), [](doe::MailboxStatus) {}));
        services_.back()->start();
    }
    ~MailboxesSideBySide() override {
        gate_.open();
        for (const auto& service : services_) {
            service->async_close(Errc::cancelled, asio::use_future).wait();
        }
        services_.clear();
        pool_->join();
    }
    std::future<OperationResult> read_table(MailboxService& service) {
        return service.async_execute(
            std::make_shared<cdat::TableAccessOperation>(),
            ExecuteOptions{.deadline = std::chrono::steady_clock::now() + patience},
            asio::use_future);
    }

    Gate gate_;
    std::atomic<bool> held_ = false;
    asio::io_context loop_;
    std::unique_ptr<WorkerPool> pool_ = std::make_unique<WorkerPool>(
        WorkerPool::Options{.threads = 2, .patience = 20ms, .pause = 20ms});
    std::unique_ptr<emulator::EmulatedHost> host_;
    std::vector<std::shared_ptr<MailboxService>> services_;
};

std::string sound_device(unsigned number) {
    return R"({"address": "0000:0)" + std::to_string(number) +
           R"(:00.0", "kind": "cxl-endpoint", "response_time_us": 0})";
}

TEST_F(MailboxesSideBySide, AreServedWhileAccessesOfManyOthersBlock) {
    std::string devices = sound_device(0);
    for (unsigned i = 1; i < 8; ++i) {
        devices += "," + sound_device(i);
    }
    add_host(devices);
    for (const auto& service : services_) {
        ASSERT_TRUE(read_table(*service).get().has_value());
    }
    held_ = true;
    std::vector<std::future<OperationResult>> blocked;
    for (std::size_t i = 1; i < services_.size(); ++i) {
        blocked.push_back(read_table(*services_[i]));
    }
    // With all of its time: the first probe may find the threads not held up yet.
    for (int i = 0; i < 3; ++i) {
        const auto result = read_table(*services_[0]).get();
        ASSERT_TRUE(result.has_value()) << result.error().message();
    }
    for (const auto& result : blocked) {
        EXPECT_EQ(result.wait_for(0s), std::future_status::timeout);
    }
    EXPECT_GE(pool_->threads(), 8U) << "seven are held up";
    gate_.open();
    for (auto& result : blocked) {
        EXPECT_TRUE(result.get().has_value());
    }
}

TEST_F(MailboxesSideBySide, TakeTurnsWithALongResponseOnOneThread) {
    pool_ = std::make_unique<WorkerPool>(WorkerPool::Options{.threads = 1, .threads_max = 1});
    // The longest response there may be, of a device whose accesses take their time.
    add_host(sound_device(0) +
             R"(,{"address": "0000:01:00.0", "kind": "cxl-endpoint", "response_time_us": 0,
                  "access_delay_us": 20, "mailboxes": [{"offset": "0x190", "protocols": ["1e98:02"],
                  "faults": [{"kind": "huge-object", "at": 4, "dwords": 16387}]}]})");
    ASSERT_TRUE(read_table(*services_[0]).get().has_value());
    auto slow = read_table(*services_[1]);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(read_table(*services_[0]).get().has_value());
    }
    EXPECT_EQ(slow.wait_for(0s), std::future_status::timeout);
    static_cast<void>(slow.get());
}

TEST_F(MailboxesSideBySide, DoNotWaitForAMegabyteThatIsNotRead) {
    pool_ = std::make_unique<WorkerPool>(WorkerPool::Options{.threads = 1, .threads_max = 1});
    add_host(sound_device(0) +
             R"(,{"address": "0000:01:00.0", "kind": "cxl-endpoint", "response_time_us": 0,
                  "access_delay_us": 20, "mailboxes": [{"offset": "0x190", "protocols": ["1e98:02"],
                  "faults": [{"kind": "huge-object", "at": 3}]}]})");
    auto huge = read_table(*services_[1]);
    EXPECT_TRUE(read_table(*services_[0]).get().has_value());
    const auto result = huge.get();
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code(), Errc::malformed);
    EXPECT_TRUE(read_table(*services_[1]).get().has_value()) << "it was aborted";
}

}  // namespace
}  // namespace doed::io
