// SPDX-License-Identifier: Apache-2.0
//
// A device whose mailboxes are lent.
#include "daemon/served_device.hpp"
#include "served_device_fixture.hpp"

#include <atomic>
#include <chrono>
#include <future>

namespace doed::daemon {
namespace {

using base::Errc;
using bus::TestClient;
using names::cdat_interface;
using names::device_interface;
using names::mailbox_interface;
using testing::IsEmpty;

class ALentDevice : public AServedDevice {
protected:
    using AServedDevice::AServedDevice;

    base::UniqueFd lend() {
        const auto answer = client.call(mailbox_path, mailbox_interface, "Release");
        EXPECT_EQ(answer->error, "") << answer->message;
        return std::move(answer->descriptor);
    }
    void expect_lent() {
        EXPECT_EQ(property("Owner"), "released");
        EXPECT_EQ(property("State"), "released");
    }
    /// The device goes, and what it was served with.
    void unplug() {
        side.finish_on_loop([this](auto closed) { device->close(Errc::device_gone, closed); });
        side.on_loop([this] { device.reset(); });
    }
    /// As a doed does that ends.
    void shut_down() {
        side.finish_on_loop([this](auto closed) { device->close(Errc::cancelled, closed); });
        side.on_loop([this] { device.reset(); });
    }
};

TEST_F(ALentDevice, IsLeftAloneAndTakenBackWhenTheLeaseIsClosed) {
    serve();
    EXPECT_EQ(table_size(), 160U);
    auto lease = lend();
    expect_lent();
    EXPECT_EQ(property("OwnerReason"), "lent to " + client.name());
    EXPECT_EQ(property("Backend"), "");
    EXPECT_EQ(property("Completion"), "");
    expect_refusals("Released");
    EXPECT_EQ(error_of(cdat_interface, "Refresh"), error_prefix + "Released");
    EXPECT_EQ(error_of(cdat_interface, "GetTable", true), error_prefix + "Released");
    EXPECT_TRUE(side.host.wait_for_handles(0));
    lease.reset();
    expect_daemon();
    EXPECT_EQ(property("OwnerReason"), "no kernel driver is bound");
    EXPECT_EQ(side.host.most_handles(), 1);
}

TEST_F(ALentDevice, StaysLentWhenItsHolderLeavesTheBusWithADescriptorOpen) {
    serve();
    TestClient holder(side.bus.address());
    const auto lease = holder.call(mailbox_path, mailbox_interface, "Release");
    ASSERT_EQ(lease->error, "");
    expect_lent();
    EXPECT_EQ(property("OwnerReason"), "lent to " + holder.name());
    holder.leave();
    side.let_run();
    expect_lent();
    lease->descriptor.reset();
    expect_daemon();
}

TEST_F(ALentDevice, IsLentWhenWhatIsOnTheWireHasEnded) {
    serve_and_read();
    const auto lease = client.start(mailbox_path, mailbox_interface, "Release");
    ASSERT_TRUE(client.wait_for(reading));
    EXPECT_EQ(reading->error, error_prefix + "Released");
    expect_lent();
    EXPECT_EQ(error_of(mailbox_interface, "Release"), error_prefix + "Released");
    EXPECT_FALSE(lease->done) << "the device still works on the reading";
    side.host.go_on();
    ASSERT_TRUE(client.wait_for(lease));
    EXPECT_EQ(lease->error, "");
    expect_lent();
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

TEST_F(ALentDevice, HasBeenGivenBackWhenItsHolderGetsTheLease) {
    serve();
    for (int turn = 0; turn < 100 && !HasFailure(); ++turn) {
        auto lease = lend();
        EXPECT_EQ(side.host.handles(), 0);
        lease.reset();
        EXPECT_TRUE(wait_for("State", "idle"));
    }
    EXPECT_EQ(side.host.most_handles(), 1);
}

TEST_F(ALentDevice, IsLentAgainToWhoAsksRightAfterTheLeaseHasEnded) {
    serve();
    auto lease = lend();
    for (int turn = 0; turn < 100 && !HasFailure(); ++turn) {
        lease.reset();
        lease = lend();
    }
    expect_lent();
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

TEST_F(ALentDevice, IsLentToOneOfThoseWhoWaitForIt) {
    serve();
    auto lease = lend();
    lease.reset();
    const auto one = client.start(mailbox_path, mailbox_interface, "Release");
    const auto other = client.start(mailbox_path, mailbox_interface, "Release");
    ASSERT_TRUE(client.wait_for(one));
    ASSERT_TRUE(client.wait_for(other));
    EXPECT_EQ(one->error, "") << one->message;
    EXPECT_EQ(other->error, error_prefix + "Released");
    one->descriptor.reset();
    expect_daemon();
}

/// Its lease has ended, and its opening waits for the test and fails then.
class AnOpeningDevice : public ALentDevice {
protected:
    void serve_and_open() {
        serve();
        auto lease = lend();
        EXPECT_TRUE(side.host.wait_for_handles(0));
        side.host.at_next_open([this] {
            opened_.get_future().wait();
            return base::Error(Errc::io, "config: no memory");
        });
        lease.reset();
        EXPECT_TRUE(wait_for("Owner", "daemon"));
    }
    void end_opening() { opened_.set_value(); }

private:
    std::promise<void> opened_;
};

TEST_F(AnOpeningDevice, IsWaitedForByWhoWantsToBorrowIt) {
    serve_and_open();
    const auto lease = client.start(mailbox_path, mailbox_interface, "Release");
    EXPECT_EQ(property("State"), "starting");
    EXPECT_FALSE(lease->done);
    end_opening();
    ASSERT_TRUE(client.wait_for(lease));
    EXPECT_EQ(lease->error, "org.freedesktop.DBus.Error.IOError");
}

TEST_F(AnOpeningDevice, IsNotWaitedForLongerThanTheBorrowerWants) {
    side.config.default_deadline = std::chrono::milliseconds(20);
    serve_and_open();
    EXPECT_EQ(error_of(mailbox_interface, "Release"), error_prefix + "DeadlineExceeded");
    end_opening();
    EXPECT_TRUE(wait_for("Owner", "none"));
}

TEST_F(ALentDevice, IsTakenBackFromAHolderThatLeftBeforeItGotTheLease) {
    serve_and_read();
    TestClient holder(side.bus.address());
    const auto lease = holder.start(mailbox_path, mailbox_interface, "Release");
    EXPECT_TRUE(wait_for("Owner", "released"));
    holder.leave();
    side.host.go_on();
    expect_daemon();
}

TEST_F(ALentDevice, IsNotLentInTheMiddleOfAChange) {
    serve_and_read();
    update(with_port());
    EXPECT_EQ(error_of(mailbox_interface, "Release"), error_prefix + "KernelOwned");
    update(finding);
    side.host.go_on();
    expect_daemon();
    auto lease = lend();
    expect_lent();
}

TEST_F(ALentDevice, IsNotLentWhenTheKernelTakesItMeanwhile) {
    serve_and_read();
    const auto lease = client.start(mailbox_path, mailbox_interface, "Release");
    ASSERT_TRUE(wait_for("Owner", "released"));
    update(with_port());
    side.host.go_on();
    ASSERT_TRUE(client.wait_for(lease));
    EXPECT_EQ(lease->error, error_prefix + "KernelOwned");
    EXPECT_EQ(property("Owner"), "kernel");
    EXPECT_EQ(source(), "kernel");
}

TEST_F(ALentDevice, IsNotLentWhenItDoesNotAnswer) {
    serve();
    side.host.silence(address);
    EXPECT_EQ(error_of(mailbox_interface, "Discover"), error_prefix + "DeviceGone");
    EXPECT_TRUE(wait_for("State", "gone"));
    EXPECT_EQ(error_of(mailbox_interface, "Release"), error_prefix + "DeviceGone");
}

TEST_F(ALentDevice, StaysLentWhenTheKernelTakesTheDeviceAndIsTheKernelsThen) {
    serve();
    auto lease = lend();
    update(with_port());
    expect_lent();
    EXPECT_EQ(client.property(device_path, device_interface, "Driver"), "cxl_pci");
    lease.reset();
    EXPECT_TRUE(wait_for("Owner", "kernel"));
    EXPECT_EQ(property("State"), "kernel");
    EXPECT_EQ(source(), "kernel");
    EXPECT_EQ(table_size(), 20U);
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

TEST_F(ALentDevice, StaysLentWhenItsOwnerChangesAndChangesBack) {
    serve();
    auto lease = lend();
    EXPECT_TRUE(side.host.wait_for_handles(0));
    update(with_port());
    update(with_driver(finding, "pcieport"));
    expect_lent();
    lease.reset();
    expect_daemon();
    EXPECT_EQ(property("OwnerReason"), "driver pcieport does not use the mailbox");
}

TEST_F(ALentDevice, IsStillLentWhenItGoesAndComesBack) {
    serve();
    auto lease = lend();
    const std::string holder = client.name();
    unplug();
    EXPECT_THAT(client.objects(), IsEmpty());
    serve(finding);
    expect_lent();
    EXPECT_EQ(property("OwnerReason"), "lent to " + holder);
    EXPECT_EQ(side.host.handles(), 0);
    lease.reset();
    expect_daemon();
}

TEST_F(ALentDevice, ThatIsNotThereWhenItsLeaseEndsIsServedWhenItComesBack) {
    serve();
    auto lease = lend();
    unplug();
    lease.reset();
    serve(finding);
    expect_daemon();
}

TEST_F(ALentDevice, IsNotTouchedByADoedThatFindsItLent) {
    serve();
    auto lease = lend();
    shut_down();
    EXPECT_TRUE(side.host.wait_for_handles(0));
    static_cast<void>(side.host.most_handles());
    serve(finding);
    expect_lent();
    expect_refusals("Released");
    update(with_driver(finding, "pcieport"));
    side.let_run();
    expect_lent();
    EXPECT_EQ(side.host.most_handles(), 0) << "not even opened";
    lease.reset();
    expect_daemon();
    EXPECT_EQ(property("OwnerReason"), "driver pcieport does not use the mailbox");
}

TEST_F(ALentDevice, ThatGoesWhileItIsBeingLentIsNotLent) {
    serve_and_read();
    const auto lease = client.start(mailbox_path, mailbox_interface, "Release");
    EXPECT_TRUE(wait_for("Owner", "released"));
    std::promise<void> closed;
    auto done = closed.get_future();
    side.on_loop([&] {
        device->close(Errc::device_gone, [&] { closed.set_value(); });
        device.reset();
    });
    side.let_run();
    EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout)
        << "the device still works on the reading";
    side.host.go_on();
    ASSERT_EQ(done.wait_for(bus::patience), std::future_status::ready);
    EXPECT_TRUE(side.host.wait_for_handles(0));
    ASSERT_TRUE(client.wait_for(lease));
    EXPECT_EQ(lease->error, error_prefix + "DeviceGone");
}

TEST_F(ALentDevice, ThatCannotBeOpenedAfterwardsIsTriedAgainAtTheNextLook) {
    serve();
    auto lease = lend();
    EXPECT_TRUE(side.host.wait_for_handles(0));
    side.host.refuse(base::Error(Errc::io, "config: no memory"));
    lease.reset();
    EXPECT_TRUE(wait_for("Owner", "none"));
    EXPECT_EQ(property("OwnerReason"), "config: no memory");
    side.host.refuse(std::nullopt);
    update(finding);
    expect_daemon();
}

// --- One mailbox of two --------------------------------------------------------------------------------------------------------

constexpr char two_mailboxes[] =
    R"({"address": "0000:0d:00.0", "kind": "cxl-endpoint", "response_time_us": 1,
        "mailboxes": [{"offset": "0x190", "protocols": ["1e98:02"]},
                      {"offset": "0x1b0", "protocols": ["1e98:02"]}]})";

class AMailboxOfTwo : public ALentDevice {
protected:
    AMailboxOfTwo() : ALentDevice(two_mailboxes) {}

    void serve_both() {
        serve();
        ASSERT_TRUE(client.wait_for(other_path, mailbox_interface, "State", "idle"));
    }
    [[nodiscard]] std::string other(const char* name) {
        return client.property(other_path, mailbox_interface, name);
    }

    const std::string other_path = device_path + "/mailbox_1b0";
};

TEST_F(AMailboxOfTwo, IsLentWithoutTheOther) {
    serve_both();
    auto lease = lend();
    expect_lent();
    EXPECT_TRUE(side.host.wait_for_handles(1));
    EXPECT_EQ(client.call(other_path, cdat_interface, "Refresh")->error, "");
    EXPECT_EQ(other("Owner"), "daemon");
    lease.reset();
    expect_daemon();
    EXPECT_EQ(other("State"), "idle");
    EXPECT_EQ(side.host.most_handles(), 2);
}

TEST_F(AMailboxOfTwo, IsLentAfterTheOtherAndBothComeBack) {
    serve_both();
    auto lease = lend();
    const auto answer = client.call(other_path, mailbox_interface, "Release");
    ASSERT_EQ(answer->error, "");
    EXPECT_EQ(other("Owner"), "released");
    EXPECT_TRUE(side.host.wait_for_handles(0));
    answer->descriptor.reset();
    EXPECT_TRUE(client.wait_for(other_path, mailbox_interface, "State", "idle"));
    expect_lent();
    lease.reset();
    expect_daemon();
    EXPECT_EQ(client.call(other_path, cdat_interface, "Refresh")->error, "");
}

TEST_F(AMailboxOfTwo, IsStillLentToADoedThatServesTheOther) {
    serve_both();
    auto lease = lend();
    shut_down();
    serve(finding);
    ASSERT_TRUE(client.wait_for(other_path, mailbox_interface, "State", "idle"));
    expect_lent();
    EXPECT_EQ(client.call(other_path, cdat_interface, "Refresh")->error, "");
    lease.reset();
    expect_daemon();
    EXPECT_EQ(other("State"), "idle");
}

TEST_F(AMailboxOfTwo, ThatCannotBeOpenedAfterwardsIsTriedAgainAtTheNextLook) {
    serve_both();
    auto lease = lend();
    EXPECT_TRUE(side.host.wait_for_handles(1));
    side.host.refuse(base::Error(Errc::io, "config: no memory"));
    lease.reset();
    EXPECT_TRUE(wait_for("Owner", "none"));
    EXPECT_EQ(property("OwnerReason"), "config: no memory");
    EXPECT_EQ(other("Owner"), "daemon");
    side.host.refuse(std::nullopt);
    update(finding);
    expect_daemon();
    EXPECT_EQ(other("Owner"), "daemon");
}

TEST_F(AMailboxOfTwo, ThatCannotBeOpenedAfterwardsAsksToBeTriedAgain) {
    std::atomic<int> looks = 0;
    side.context.retry_pause_min = std::chrono::milliseconds(20);
    side.on_loop([&] { side.look = [&] { ++looks; }; });
    serve_both();
    auto lease = lend();
    EXPECT_TRUE(side.host.wait_for_handles(1));
    side.host.refuse(base::Error(Errc::io, "config: no memory"));
    lease.reset();
    EXPECT_TRUE(wait_for("Owner", "none"));
    const auto end = std::chrono::steady_clock::now() + bus::patience;
    while (looks == 0 && std::chrono::steady_clock::now() < end) {
        side.let_run();
    }
    EXPECT_GT(looks, 0);
    side.on_loop([this] { side.look = [] {}; });
}

// Opening the device through VFIO would reset the mailbox that is lent.
TEST_F(AMailboxOfTwo, WaitsForTheOtherWhereVfioWouldResetBoth) {
    auto kept = side.context.leases.grant(address, 0x190, "a program of before", [] {});
    ASSERT_TRUE(kept);
    side.context.leases.forget(address, 0x190);
    serve(with_driver(finding, "vfio-pci"));
    EXPECT_TRUE(client.wait_for(other_path, mailbox_interface, "Owner", "none"));
    EXPECT_EQ(other("OwnerReason"), "another mailbox of the device is lent out");
    EXPECT_EQ(property("Owner"), "released");
    kept->reset();
    EXPECT_TRUE(wait_for("Owner", "none"));
    EXPECT_NE(other("OwnerReason"), "another mailbox of the device is lent out")
        << "it was tried, and there is no VFIO here";
}

TEST_F(AMailboxOfTwo, ShowsTheKernelsTableAtTheFirstOnly) {
    serve_both();
    update(with_port());
    EXPECT_TRUE(wait_for("Owner", "kernel"));
    EXPECT_EQ(other("Owner"), "kernel");
    EXPECT_EQ(source(), "kernel");
    EXPECT_THAT(client.property(other_path, cdat_interface, "Source"), is_absent);
}

}  // namespace
}  // namespace doed::daemon
