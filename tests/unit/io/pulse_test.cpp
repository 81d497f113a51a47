// SPDX-License-Identifier: Apache-2.0
#include "io/pulse.hpp"

#include "io/strand_scheduler.hpp"
#include "io/worker_pool.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace doed::io {
namespace {

/// Calls `during` inside of everything that may block.
class ObservedConfigSpace final : public pci::ConfigSpace {
public:
    explicit ObservedConfigSpace(std::function<void()> during) : during_(std::move(during)) {}
    ~ObservedConfigSpace() override { during_(); }

    base::Result<std::uint32_t> read32(std::uint16_t) override {
        during_();
        return 7U;
    }
    base::Result<void> write32(std::uint16_t, std::uint32_t) override {
        during_();
        return {};
    }
    base::Result<void> confirm_claim() override {
        during_();
        return base::fail(base::Errc::kernel_owned, "taken");
    }
    bool may_tidy_up() override {
        during_();
        return false;
    }
    void begin_use() override { during_(); }
    void end_use() override { during_(); }

private:
    std::function<void()> during_;
};

class APulse : public testing::Test {
protected:
    boost::asio::io_context context;
    std::optional<StrandScheduler> scheduler{context.get_executor()};
    std::shared_ptr<Pulse> pulse = scheduler->pulse();
};

TEST_F(APulse, TellsThatATaskRuns) {
    bool was_in_task = false;
    scheduler->post([&] { was_in_task = pulse->read().in_task(); });
    EXPECT_FALSE(pulse->read().in_task());
    context.run();
    EXPECT_TRUE(was_in_task);
    EXPECT_FALSE(pulse->read().in_task());
    EXPECT_EQ(pulse->read().tasks, 2U);
}

TEST_F(APulse, TellsThatATimersTaskRuns) {
    bool was_in_task = false;
    scheduler->at(scheduler->now(), [&] { was_in_task = pulse->read().in_task(); });
    context.run();
    EXPECT_TRUE(was_in_task);
    EXPECT_FALSE(pulse->read().in_task());
}

TEST_F(APulse, CountsWhatATaskDropsAsPartOfIt) {
    bool was_in_task = false;
    std::shared_ptr<void> held(nullptr, [&](void*) { was_in_task = pulse->read().in_task(); });
    scheduler->post([held = std::move(held)] {});
    context.run();
    EXPECT_TRUE(was_in_task);
}

TEST_F(APulse, OutlivesASchedulerThatItsOwnTaskDrops) {
    scheduler->post([this] { scheduler.reset(); });
    context.run();
    EXPECT_FALSE(pulse->read().in_task());
}

TEST_F(APulse, TellsThatTheDeviceIsAccessedWhateverIsAskedOfIt) {
    std::vector<bool> seen;
    auto config = marked(pulse, std::make_unique<ObservedConfigSpace>(
                                    [&] { seen.push_back(pulse->read().in_access()); }));
    EXPECT_EQ(config->read32(0).value(), 7U);
    EXPECT_TRUE(config->write32(0, 0));
    EXPECT_EQ(config->confirm_claim().error().code(), base::Errc::kernel_owned);
    EXPECT_FALSE(config->may_tidy_up());
    config->begin_use();
    config->end_use();
    EXPECT_FALSE(pulse->read().in_access());
    config.reset();
    EXPECT_EQ(seen, std::vector<bool>(7, true));
    EXPECT_EQ(pulse->read().accesses, 14U);
}

TEST(AWorkerPoolsList, NamesTheStrandsThatAreStillThere) {
    WorkerPool pool{{.threads = 1}};
    StrandScheduler stays(pool.get_executor());
    auto goes = std::make_unique<StrandScheduler>(pool.get_executor());
    pool.enlist("stays", stays.pulse());
    pool.enlist("goes", goes->pulse());
    ASSERT_EQ(pool.strands().size(), 2U);
    goes.reset();
    ASSERT_EQ(pool.strands().size(), 1U);
    EXPECT_EQ(pool.strands().front().name, "stays");
    EXPECT_EQ(pool.strands().front().pulse, stays.pulse());
}

}  // namespace
}  // namespace doed::io
