// SPDX-License-Identifier: Apache-2.0
//
// What an exchange in the middle of an operation costs that can be counted: memory, turns of the strand, timers, looks. What
// the device, the clock and the queue of tasks need themselves is the tests', and is not counted.
#include "mailbox_fixture.hpp"
#include "support/counted_exchanges.hpp"

namespace doed::doe {
namespace {

using test::CountAllocations;
using test::RepeatedHeader;
using test::UncountedConfigSpace;

class CountedScheduler final : public base::Scheduler {
public:
    explicit CountedScheduler(test::SimScheduler& inner) : inner_(inner) {}

    [[nodiscard]] base::TimePoint now() const override { return inner_.now(); }
    void post(base::Task task) override {
        const CountAllocations pause(false);
        ++posts;
        inner_.post(std::move(task));
    }
    base::TimerId at(base::TimePoint when, base::Task task) override {
        const CountAllocations pause(false);
        ++timers;
        return inner_.at(when, std::move(task));
    }
    void cancel(base::TimerId timer) override {
        const CountAllocations pause(false);
        inner_.cancel(timer);
    }

    std::size_t posts = 0;
    std::size_t timers = 0;

private:
    test::SimScheduler& inner_;
};

class TheExchangesOfAMailbox : public AMailbox {
protected:
    struct Cost {
        std::size_t allocations = 0;
        std::size_t posts = 0;
        std::size_t timers = 0;
        std::uint64_t accesses = 0;

        friend Cost operator-(Cost left, const Cost& right) {
            left.allocations -= right.allocations;
            left.posts -= right.posts;
            left.timers -= right.timers;
            left.accesses -= right.accesses;
            return left;
        }
    };

    /// What all exchanges of one operation cost from `warm` on, with a device that takes `response_time`.
    Cost measure(base::Duration response_time) {
        make(response_time);
        mailbox_.emplace(counted_,
                         std::make_unique<UncountedConfigSpace>(
                             std::make_unique<DoeFunctionConfigSpace>(*function_)),
                         pci::Address{.bus = 0x0D}, pci::DoeCapability{DoeFunction::offset, 1},
                         options_, allowed_, [](const MailboxStatus&) {});
        mailbox_->start();
        EXPECT_TRUE(scheduler_.run_until(
            [this] { return mailbox_->status().state == MailboxState::idle; }));
        Cost begin;
        Cost end;
        const auto answer = submit(std::make_shared<RepeatedHeader>([&](int done) {
            if (done == RepeatedHeader::warm) {
                begin = now();
            } else if (done == RepeatedHeader::exchanges) {
                end = now();
            }
        }));
        {
            const CountAllocations on(true);
            EXPECT_TRUE(scheduler_.run_until([&] { return answer->times > 0; }));
        }
        EXPECT_TRUE(answer->succeeded()) << answer->text();
        mailbox_.reset();
        return end - begin;
    }

    static constexpr std::size_t measured = RepeatedHeader::exchanges - RepeatedHeader::warm;

private:
    [[nodiscard]] Cost now() const {
        return {test::counted_allocations(), counted_.posts, counted_.timers, function_->accesses};
    }

    CountedScheduler counted_{scheduler_};
};

TEST_F(TheExchangesOfAMailbox, AllocateNothing) {
    for (const base::Duration response_time : {0us, 50us, 200us, 1000us, 20'000us, 100'000us}) {
        EXPECT_EQ(measure(response_time).allocations, 0U) << response_time.count() << " ns";
    }
}

TEST_F(TheExchangesOfAMailbox, TakeNoMoreAccessesThanTheSpecificationAsksForWhenTheDeviceIsQuick) {
    // 7 + 2R for the 7 dwords of a header's response.
    EXPECT_EQ(measure(0us).accesses, measured * (7 + 2 * 7));
}

TEST_F(TheExchangesOfAMailbox, WakeTheStrandOnceForEachLookAndOnceToBegin) {
    const Cost quick = measure(0us);
    EXPECT_EQ(quick.timers, 0U);
    EXPECT_EQ(quick.posts, measured);
    for (const base::Duration response_time : {1000us, 20'000us, 100'000us}) {
        const Cost slow = measure(response_time);
        EXPECT_EQ(slow.posts, measured);
        EXPECT_LE(slow.timers, 4 * measured) << response_time.count() << " ns";
    }
}

}  // namespace
}  // namespace doed::doe
