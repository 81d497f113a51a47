// SPDX-License-Identifier: Apache-2.0
//
// What an exchange in the middle of an operation costs that can be counted: memory, turns of the strand, timers, looks. What
// the device, the clock and the queue of tasks need themselves is the tests', and is not counted.
#include "mailbox_fixture.hpp"

#include <array>
#include <cstdlib>
#include <new>
#include <span>

namespace {

thread_local bool counting = false;
thread_local std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
    if (counting) {
        ++allocations;
    }
    if (void* const memory = std::malloc(size != 0 ? size : 1)) {
        return memory;
    }
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace doed::doe {
namespace {

/// Counts allocations, or not, as long as it lives.
class Counting {
public:
    explicit Counting(bool on) : before_(std::exchange(counting, on)) {}
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;
    ~Counting() { counting = before_; }

private:
    bool before_;
};

class CountedScheduler final : public base::Scheduler {
public:
    explicit CountedScheduler(test::SimScheduler& inner) : inner_(inner) {}

    [[nodiscard]] base::TimePoint now() const override { return inner_.now(); }
    void post(base::Task task) override {
        const Counting pause(false);
        ++posts;
        inner_.post(std::move(task));
    }
    base::TimerId at(base::TimePoint when, base::Task task) override {
        const Counting pause(false);
        ++timers;
        return inner_.at(when, std::move(task));
    }
    void cancel(base::TimerId timer) override {
        const Counting pause(false);
        inner_.cancel(timer);
    }

    std::size_t posts = 0;
    std::size_t timers = 0;

private:
    test::SimScheduler& inner_;
};

/// The device's own memory is its own.
class UncountedConfigSpace final : public pci::ConfigSpace {
public:
    explicit UncountedConfigSpace(DoeFunction& function) : inner_(function) {}

    base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        const Counting pause(false);
        return inner_.read32(offset);
    }
    base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        const Counting pause(false);
        return inner_.write32(offset, value);
    }

private:
    DoeFunctionConfigSpace inner_;
};

/// Asks for the header of the table, again and again.
class RepeatedHeader final : public Operation {
public:
    static constexpr int exchanges = 100;
    /// The mailbox and its buffers have been used as much as they will be.
    static constexpr int warm = 20;

    explicit RepeatedHeader(std::function<void(int)> before_exchange)
        : before_exchange_(std::move(before_exchange)) {}

    [[nodiscard]] Protocol protocol() const noexcept override { return protocol_table_access; }
    [[nodiscard]] base::Result<Step> start() override { return Step::send; }
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t>) override {
        before_exchange_(++done_);
        return done_ < exchanges ? Step::send : Step::finished;
    }
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
        return request_;
    }

private:
    std::function<void(int)> before_exchange_;
    std::array<std::uint32_t, 1> request_{};
    int done_ = 0;
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
        mailbox_.emplace(counted_, std::make_unique<UncountedConfigSpace>(*function_),
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
            const Counting on(true);
            EXPECT_TRUE(scheduler_.run_until([&] { return answer->times > 0; }));
        }
        EXPECT_TRUE(answer->succeeded()) << answer->text();
        mailbox_.reset();
        return end - begin;
    }

    static constexpr std::size_t measured = RepeatedHeader::exchanges - RepeatedHeader::warm;

private:
    [[nodiscard]] Cost now() const {
        return {allocations, counted_.posts, counted_.timers, function_->accesses};
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
