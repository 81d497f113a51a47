// SPDX-License-Identifier: Apache-2.0
//
// The doorbell rule, read off the log of a fake VFIO: what is set up in which order, what is taken down, who is told.
#include "io/doorbell.hpp"

#include "support/descriptors.hpp"
#include "support/fake_vfio_host.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::io {
namespace {

using base::Errc;
using pci::VfioInterrupt;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint16_t first = 0x190;
constexpr std::uint16_t second = 0x1C0;

class ADoorbell : public testing::Test {
protected:
    void SetUp() override {
        host_.add_cdev();
        auto device = host_.open();
        ASSERT_TRUE(device.has_value()) << device.error().message();
        device_ = std::move(*device);
        kernel().log.clear();
        // The loop has an eventfd of its own once it watches something.
        const boost::asio::posix::stream_descriptor watched(loop_);
        eventfds_ = test::count_eventfds();
    }
    [[nodiscard]] test::FakeVfioKernel& kernel() { return host_.kernel; }

    /// A mailbox whose DOE Capabilities register names this message.
    void add_mailbox(std::uint16_t offset, std::uint16_t message) {
        mailboxes_.push_back({offset, 1});
        name_message(offset, message);
        handlers_[offset] = [this, offset] { ++notified_[offset]; };
    }
    void name_message(std::uint16_t offset, std::uint16_t message) {
        kernel().config(static_cast<std::uint16_t>(offset + 4)) = std::uint32_t{message} << 1U | 1U;
    }
    void add_mailbox_without_interrupt(std::uint16_t offset) {
        add_mailbox(offset, 0);
        kernel().config(static_cast<std::uint16_t>(offset + 4)) = 0;
    }

    [[nodiscard]] base::Result<std::unique_ptr<Doorbell>> try_arm() {
        return Doorbell::arm(loop_.get_executor(), device_, mailboxes_, handlers_);
    }
    void arm() {
        auto doorbell = try_arm();
        ASSERT_TRUE(doorbell.has_value()) << doorbell.error().message();
        doorbell_ = std::move(*doorbell);
    }
    void let_handlers_run() {
        loop_.restart();
        loop_.poll();
    }
    /// The error of an attempt that must fail, and leave nothing set up.
    [[nodiscard]] base::Error refusal() {
        auto doorbell = try_arm();
        const auto error = doorbell.has_value()
                               ? base::Error(Errc::invalid_argument, "it was armed")
                               : doorbell.error();
        doorbell_.reset();
        let_handlers_run();
        EXPECT_FALSE(kernel().armed(VfioInterrupt::msix) || kernel().armed(VfioInterrupt::msi));
        EXPECT_EQ(kernel().config(0x04) & bus_master, 0U);
        EXPECT_EQ(test::count_eventfds(), eventfds_);
        return error;
    }
    /// The function sends a message and the handlers run.
    bool ring(VfioInterrupt kind, std::uint32_t vector) {
        const bool sent = kernel().ring(kind, vector);
        let_handlers_run();
        return sent;
    }

    static constexpr std::uint32_t bus_master = 0x4;

    test::FakeVfioHost host_;
    boost::asio::io_context loop_;
    std::shared_ptr<pci::VfioDevice> device_;
    std::vector<pci::DoeCapability> mailboxes_;
    Doorbell::Handlers handlers_;
    std::map<std::uint16_t, int> notified_;
    std::unique_ptr<Doorbell> doorbell_;
    int eventfds_ = 0;
};

// --- Order -----------------------------------------------------------------------------------------------------------

TEST_F(ADoorbell, WatchesThenSetsTheVectorsThenReadsTheMessageAgainThenSetsBusMaster) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 2);
    arm();
    EXPECT_THAT(kernel().log,
                ElementsAre("read 0x194", "irq-info msix", "irq-info msi", "set-irqs msix: watched",
                            "read 0x194", "read 0x4", "write 0x4: 0x6"));
    EXPECT_TRUE(doorbell_->serves(first));
}

TEST_F(ADoorbell, IsTakenDownInReverse) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 2);
    arm();
    kernel().log.clear();
    kernel().on_vectors_unset = [this] { let_handlers_run(); };
    doorbell_.reset();
    let_handlers_run();
    EXPECT_THAT(kernel().log, ElementsAre("read 0x4", "write 0x4: 0x2", "unset-irqs msix: open"));
    EXPECT_EQ(test::count_eventfds(), eventfds_);
}

TEST_F(ADoorbell, LetsNoMessageOutBeforeTheMessageNumbersAreKnown) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    bool sent = true;
    kernel().on_vectors_set = [&] { sent = kernel().ring(VfioInterrupt::msix, 0); };
    arm();
    EXPECT_FALSE(sent);
    EXPECT_TRUE(ring(VfioInterrupt::msix, 0));
    EXPECT_EQ(notified_[first], 1);
}

TEST_F(ADoorbell, LeavesTheOtherCommandBitsAndTheStatusRegisterAsTheyAre) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    kernel().config(0x04) = 0xF9100542;
    arm();
    EXPECT_EQ(kernel().config(0x04), 0xF9100546);
    EXPECT_THAT(kernel().log, Contains("write 0x4: 0x546"));
    doorbell_.reset();
    EXPECT_EQ(kernel().config(0x04), 0xF9100542);
    EXPECT_THAT(kernel().log, Contains("write 0x4: 0x542"));
}

TEST_F(ADoorbell, CanBeArmedAgain) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    arm();
    doorbell_.reset();
    arm();
    EXPECT_TRUE(ring(VfioInterrupt::msix, 0));
    EXPECT_EQ(notified_[first], 1);
}

// --- Which vectors ---------------------------------------------------------------------------------------------------

TEST_F(ADoorbell, PrefersMsixAndArmsNoMoreOfItThanTheMailboxesName) {
    add_mailbox(first, 1);
    kernel().has_vectors(VfioInterrupt::msix, 8);
    kernel().has_vectors(VfioInterrupt::msi, 8);
    arm();
    EXPECT_THAT(kernel().log, Contains("set-irqs msix: - watched"));
    EXPECT_FALSE(kernel().armed(VfioInterrupt::msi));
}

TEST_F(ADoorbell, ArmsAllMessagesOfMsi) {
    add_mailbox(first, 1);
    kernel().has_vectors(VfioInterrupt::msi, 4);
    arm();
    EXPECT_THAT(kernel().log, Contains("set-irqs msi: - watched - -"));
    EXPECT_TRUE(ring(VfioInterrupt::msi, 1));
    EXPECT_EQ(notified_[first], 1);
    doorbell_.reset();
    EXPECT_FALSE(kernel().armed(VfioInterrupt::msi));
}

TEST_F(ADoorbell, ArmsTheMessagesThatAreNamedWhenTheHostHasNoMoreToGive) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msi, 4);
    kernel().vectors_available = 1;
    arm();
    EXPECT_THAT(kernel().log,
                AllOf(Contains("set-irqs msi: watched - - -"), Contains("set-irqs msi: watched")));
    EXPECT_TRUE(ring(VfioInterrupt::msi, 0));
    EXPECT_EQ(notified_[first], 1);
}

TEST_F(ADoorbell, UsesMsiWhenMsixIsTooSmall) {
    add_mailbox(first, 1);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    kernel().has_vectors(VfioInterrupt::msi, 2);
    arm();
    EXPECT_TRUE(kernel().armed(VfioInterrupt::msi));
}

TEST_F(ADoorbell, IsNotArmedWithTooFewVectorsForOneOfTheMailboxes) {
    add_mailbox(first, 0);
    add_mailbox(second, 4);
    kernel().has_vectors(VfioInterrupt::msix, 4);
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::not_supported);
    EXPECT_THAT(error.message(), AllOf(HasSubstr("name vector 4"), HasSubstr("has 4")));
    EXPECT_THAT(kernel().log, Not(Contains(HasSubstr("set-irqs"))));
}

TEST_F(ADoorbell, IsNotArmedWhenTheHostHasTooFewVectorsLeft) {
    add_mailbox(first, 1);
    kernel().has_vectors(VfioInterrupt::msi, 2);
    kernel().vectors_available = 1;
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::not_supported);
    EXPECT_THAT(error.message(), HasSubstr("1 of 2"));
}

TEST_F(ADoorbell, FollowsAMessageNumberThatChangesOnce) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 4);
    kernel().on_vectors_set = [this] { name_message(first, 2); };
    arm();
    EXPECT_THAT(
        kernel().log,
        ElementsAre("read 0x194", "irq-info msix", "irq-info msi", "set-irqs msix: watched",
                    "read 0x194", "unset-irqs msix: open", "irq-info msix", "irq-info msi",
                    "set-irqs msix: - - watched", "read 0x194", "read 0x4", "write 0x4: 0x6"));
    EXPECT_FALSE(ring(VfioInterrupt::msix, 0));
    EXPECT_TRUE(ring(VfioInterrupt::msix, 2));
    EXPECT_EQ(notified_[first], 1);
    EXPECT_EQ(test::count_eventfds(), eventfds_ + 2) << "one, and the kernel's own reference";
}

TEST_F(ADoorbell, GivesUpOnAMessageNumberThatNeverSettles) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 8);
    std::uint16_t message = 0;
    kernel().on_vectors_set = [&] { name_message(first, ++message); };
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::io);
    EXPECT_THAT(error.message(), HasSubstr("do not settle"));
    EXPECT_THAT(kernel().log, Not(Contains(HasSubstr("write"))));
}

TEST_F(ADoorbell, LeavesOutAMailboxWithoutInterrupts) {
    add_mailbox_without_interrupt(first);
    add_mailbox(second, 1);
    kernel().has_vectors(VfioInterrupt::msix, 2);
    arm();
    EXPECT_FALSE(doorbell_->serves(first));
    EXPECT_TRUE(doorbell_->serves(second));
    EXPECT_THAT(kernel().log, Contains("set-irqs msix: - watched"));
}

TEST_F(ADoorbell, IsNotArmedWhenNoMailboxHasInterrupts) {
    add_mailbox_without_interrupt(first);
    kernel().has_vectors(VfioInterrupt::msix, 2);
    EXPECT_EQ(refusal().code(), Errc::not_supported);
    EXPECT_THAT(kernel().log, ElementsAre("read 0x194"));
}

// --- Rings -----------------------------------------------------------------------------------------------------------

TEST_F(ADoorbell, TellsOnlyTheMailboxWhoseMessageCame) {
    add_mailbox(first, 0);
    add_mailbox(second, 1);
    kernel().has_vectors(VfioInterrupt::msix, 2);
    arm();
    EXPECT_TRUE(ring(VfioInterrupt::msix, 1));
    EXPECT_EQ(notified_[first], 0);
    EXPECT_EQ(notified_[second], 1);
}

TEST_F(ADoorbell, TellsBothMailboxesThatShareAMessage) {
    add_mailbox(first, 3);
    add_mailbox(second, 3);
    kernel().has_vectors(VfioInterrupt::msix, 4);
    arm();
    EXPECT_THAT(kernel().log, Contains("set-irqs msix: - - - watched"));
    EXPECT_TRUE(ring(VfioInterrupt::msix, 3));
    EXPECT_EQ(notified_[first], 1);
    EXPECT_EQ(notified_[second], 1);
}

TEST_F(ADoorbell, TellsOnceOfRingsThatCameTogetherAndAgainOfLaterOnes) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    arm();
    EXPECT_TRUE(kernel().ring(VfioInterrupt::msix, 0));
    EXPECT_TRUE(kernel().ring(VfioInterrupt::msix, 0));
    EXPECT_TRUE(ring(VfioInterrupt::msix, 0));
    EXPECT_EQ(notified_[first], 1);
    let_handlers_run();
    EXPECT_EQ(notified_[first], 1);
    EXPECT_TRUE(ring(VfioInterrupt::msix, 0));
    EXPECT_EQ(notified_[first], 2);
}

TEST_F(ADoorbell, TakesARingThatNobodyHandles) {
    add_mailbox(first, 0);
    add_mailbox(second, 0);
    handlers_.erase(first);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    arm();
    EXPECT_TRUE(ring(VfioInterrupt::msix, 0));
    EXPECT_TRUE(ring(VfioInterrupt::msix, 0));
    EXPECT_EQ(notified_[second], 2);
}

TEST_F(ADoorbell, TellsNobodyAnyMoreOnceItIsTakenDown) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    arm();
    let_handlers_run();
    EXPECT_TRUE(kernel().ring(VfioInterrupt::msix, 0));
    doorbell_.reset();
    let_handlers_run();
    EXPECT_LE(notified_[first], 1) << "one that was on its way may still arrive";
    EXPECT_FALSE(kernel().ring(VfioInterrupt::msix, 0));
    EXPECT_EQ(test::count_eventfds(), eventfds_);
}

// --- Failures --------------------------------------------------------------------------------------------------------

TEST_F(ADoorbell, LeavesNothingSetUpWhicheverStepFails) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    for (const char* step : {"read 0x194", "set-irqs msix", "read 0x4", "write 0x4"}) {
        kernel().fail(step, EIO);
        EXPECT_EQ(refusal().code(), Errc::io) << step;
        kernel().mend(step);
    }
}

TEST_F(ADoorbell, IsNotArmedWhenTheMessageNumbersCannotBeReadAgain) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    kernel().on_vectors_set = [this] { kernel().fail("read 0x194", ENODEV); };
    EXPECT_EQ(refusal().code(), Errc::device_gone);
    EXPECT_THAT(kernel().log,
                ElementsAre("read 0x194", "irq-info msix", "irq-info msi", "set-irqs msix: watched",
                            "read 0x194", "unset-irqs msix: open"));
}

TEST_F(ADoorbell, OfADeviceThatWentAwayIsTakenDownAllTheSame) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    arm();
    kernel().log.clear();
    kernel().fail("read 0x4", ENODEV);
    kernel().fail("write 0x4", ENODEV);
    doorbell_.reset();
    let_handlers_run();
    EXPECT_THAT(kernel().log, ElementsAre("read 0x4", "unset-irqs msix: open"));
    EXPECT_EQ(test::count_eventfds(), eventfds_);
}

TEST_F(ADoorbell, DoesNotWriteACommandRegisterThatReadsAsAllOnes) {
    add_mailbox(first, 0);
    kernel().has_vectors(VfioInterrupt::msix, 1);
    arm();
    kernel().log.clear();
    kernel().config(0x04) = 0xFFFFFFFF;
    doorbell_.reset();
    EXPECT_THAT(kernel().log, ElementsAre("read 0x4", "unset-irqs msix: open"));
}

}  // namespace
}  // namespace doed::io
