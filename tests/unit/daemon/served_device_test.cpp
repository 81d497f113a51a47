// SPDX-License-Identifier: Apache-2.0
//
// A device whose owner changes.
#include "daemon/served_device.hpp"

#include "served_device_fixture.hpp"

#include <atomic>
#include <functional>
#include <future>

namespace doed::daemon {
namespace {

using base::Errc;
using bus::TestClient;
using names::cdat_interface;
using names::device_interface;
using names::mailbox_interface;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// --- Owners --------------------------------------------------------------------------------------------------------------

TEST_F(AServedDevice, IsOursWhereNobodyUsesIt) {
    serve();
    expect_daemon();
    EXPECT_EQ(property("OwnerReason"), "no kernel driver is bound");
}

TEST_F(AServedDevice, IsNotTouchedBySeeingItAgainAsItWas) {
    serve();
    update(finding);
    expect_daemon();
    EXPECT_THAT(client.signals(), Not(Contains(HasSubstr("removed"))));
    EXPECT_EQ(side.host.most_handles(), 1);
}

TEST_F(AServedDevice, BecomesTheKernelsWhenThatMakesAPortOfIt) {
    serve();
    update(with_port(20));
    EXPECT_TRUE(wait_for("Owner", "kernel"));
    EXPECT_EQ(property("State"), "kernel");
    EXPECT_EQ(property("Completion"), "kernel");
    EXPECT_EQ(property("Backend"), "");
    EXPECT_EQ(property("OwnerReason"), "the kernel has a CXL port for the device (driver cxl_pci)");
    EXPECT_EQ(client.property(device_path, device_interface, "Driver"), "cxl_pci");
    EXPECT_TRUE(
        client.wait_for_signal("changed " + device_path + " " + std::string(device_interface)));
    EXPECT_EQ(source(), "kernel");
    EXPECT_EQ(table_size(), 20U) << "the copy of the mailbox's own table is not shown";
    expect_refusals("KernelOwned");
    EXPECT_EQ(error_of(cdat_interface, "Refresh"), error_prefix + "KernelOwned");
    EXPECT_TRUE(side.host.wait_for_handles(0)) << "the kernel has it alone";
}

TEST_F(AServedDevice, ComesBackFromTheKernel) {
    serve(with_port());
    EXPECT_TRUE(wait_for("Owner", "kernel"));
    EXPECT_EQ(table_size(), 20U);
    EXPECT_EQ(side.host.most_handles(), 0) << "never opened";
    update(finding);
    expect_daemon();
}

TEST_F(AServedDevice, ShowsNoTableOfAKernelThatHasNone) {
    DeviceFinding port = with_port();
    port.kernel.cdat_file.clear();
    port.kernel.cdat_identity = 0;
    serve(port);
    EXPECT_THAT(source(), is_absent);
    expect_refusals("KernelOwned");
    update(with_port());
    EXPECT_TRUE(client.wait_until([this] { return source() == "kernel"; }));
    EXPECT_EQ(table_size(), 20U);
}

TEST_F(AServedDevice, KeepsItsCopyOfTheKernelsTableUntilThereIsAnother) {
    serve(with_port(20, 7));
    EXPECT_EQ(table_size(), 20U);
    update(with_port(24, 7));
    EXPECT_EQ(table_size(), 20U) << "the same file is read once";
    side.let_run();
    update(with_port(28, 8));
    EXPECT_EQ(source(), "kernel");
    EXPECT_EQ(table_size(), 28U);
}

TEST_F(AServedDevice, ThatVfioCannotOpenIsNobodysAndSaysWhy) {
    serve();
    update(with_driver(finding, "vfio-pci"));
    EXPECT_TRUE(wait_for("Owner", "none"));
    EXPECT_EQ(property("State"), "none");
    EXPECT_THAT(property("OwnerReason"), Not(IsEmpty()));
    EXPECT_THAT(property("OwnerReason"), Not(HasSubstr("is bound to vfio-pci")));
    EXPECT_TRUE(side.host.wait_for_handles(0));
    EXPECT_THAT(error_of(mailbox_interface, "Discover"), HasSubstr(error_prefix))
        << "the mailbox is there";
    update(finding);
    expect_daemon();
}

TEST_F(AServedDevice, ThatCannotBeOpenedIsNobodysUntilItCan) {
    side.host.refuse(base::Error(Errc::io, "config: no memory"));
    serve(finding);
    EXPECT_TRUE(wait_for("Owner", "none"));
    EXPECT_EQ(property("OwnerReason"), "config: no memory");
    EXPECT_EQ(error_of(mailbox_interface, "Discover"), "org.freedesktop.DBus.Error.IOError");
    side.host.refuse(std::nullopt);
    update(finding);
    expect_daemon();
}

TEST_F(AServedDevice, IsTriedAgainWhenItChangedWhileItCouldNotBeOpened) {
    side.host.at_next_open([this] {
        update(with_driver(finding, "pcieport"));
        return base::Error(Errc::io, "config: it is being bound");
    });
    serve(finding);
    expect_daemon();
    EXPECT_EQ(property("OwnerReason"), "driver pcieport does not use the mailbox");
}

TEST_F(AServedDevice, ThatIsGoneIsServedAgainWhenItIsSeenAgain) {
    serve();
    std::atomic<int> looks = 0;
    side.on_loop([&] { side.look = [&] { ++looks; }; });
    side.host.unplug(address);
    EXPECT_EQ(error_of(mailbox_interface, "Discover"), error_prefix + "DeviceGone");
    EXPECT_TRUE(wait_for("State", "gone"));
    EXPECT_GT(looks, 0) << "it asks for a look at the host";
    side.host.plug(endpoint);
    update(finding);
    expect_daemon();
    side.on_loop([this] { side.look = [] {}; });
}

// --- Changes while something is on the wire --------------------------------------------------------------------------------

TEST_F(AServedDevice, AnswersWhoWaitsAtOnceWhenTheKernelTakesIt) {
    serve_and_read();
    update(with_port());
    ASSERT_TRUE(client.wait_for(reading));
    EXPECT_EQ(reading->error, error_prefix + "KernelOwned");
    EXPECT_EQ(property("Owner"), "kernel");
    side.host.go_on();
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

TEST_F(AServedDevice, EndsWhereItWasWhenTheKernelTakesItForAMoment) {
    serve_and_read();
    update(with_port());
    update(finding);
    side.host.go_on();
    expect_daemon();
    EXPECT_EQ(side.host.most_handles(), 1) << "one driver at a time";
}

TEST_F(AServedDevice, ShowsTheTableOfThePortThatIsThereWhenItHasLetGo) {
    serve_and_read();
    update(with_port(20, 7));
    update(with_port(24, 8));
    side.host.go_on();
    EXPECT_TRUE(side.host.wait_for_handles(0));
    side.let_run();
    EXPECT_EQ(source(), "kernel");
    EXPECT_EQ(table_size(), 24U);
}

/// A request for the kernel's table, which cannot be read before the device is found otherwise.
class ALateReading : public AServedDevice {
protected:
    [[nodiscard]] auto of_a_device_found_as(const std::function<DeviceFinding()>& then) {
        serve(with_port(20, 7));
        side.let_run();
        std::promise<void> go_on;
        const auto gate = go_on.get_future().share();
        for (int worker = 0; worker < DaemonSide::worker_count; ++worker) {
            boost::asio::post(side.workers, [gate] { gate.wait(); });
        }
        auto late = client.start(mailbox_path, cdat_interface, "GetTable");
        EXPECT_EQ(source(), "kernel") << "the request is there";
        update(then());
        go_on.set_value();
        EXPECT_TRUE(client.wait_for(late));
        return late;
    }
};

TEST_F(ALateReading, IsNotShownForAnotherPort) {
    const auto late = of_a_device_found_as([this] { return with_port(24, 8); });
    EXPECT_EQ(late->error, error_prefix + "Cancelled");
    EXPECT_EQ(table_size(), 24U);
}

TEST_F(ALateReading, IsAnsweredAsANewOne) {
    const auto late = of_a_device_found_as([this] { return with_driver(finding, "pci-stub"); });
    EXPECT_NE(late->error, error_prefix + "Cancelled");
    EXPECT_EQ(late->error, error_of(mailbox_interface, "Discover"));
}

TEST_F(AServedDevice, LetsRequestsWaitWhileItIsOpenedAnew) {
    serve_and_read();
    update(with_driver(finding, "vfio-pci"));
    const auto request = client.start(mailbox_path, mailbox_interface, "Discover");
    EXPECT_EQ(property("Owner"), "vfio");
    update(finding);
    EXPECT_FALSE(request->done);
    side.host.go_on();
    ASSERT_TRUE(client.wait_for(request));
    EXPECT_EQ(request->error, "");
    EXPECT_EQ(side.host.most_handles(), 1);
}

TEST_F(AServedDevice, IsGivenBackBeforeItsEndIsTold) {
    serve_and_read();
    std::promise<void> closed;
    auto done = closed.get_future();
    side.on_loop([&] {
        device->close(Errc::device_gone, [&] { closed.set_value(); });
        device.reset();
    });
    ASSERT_TRUE(client.wait_for(reading));
    EXPECT_EQ(reading->error, error_prefix + "DeviceGone");
    EXPECT_THAT(client.objects(), IsEmpty());
    side.let_run();
    EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    side.host.go_on();
    ASSERT_EQ(done.wait_for(bus::patience), std::future_status::ready);
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

TEST_F(AServedDevice, MayEndInTheMiddleOfAChange) {
    serve_and_read();
    std::promise<void> closed;
    auto done = closed.get_future();
    update(with_driver(finding, "vfio-pci"));
    const auto request = client.start(mailbox_path, mailbox_interface, "Discover");
    EXPECT_EQ(property("Owner"), "vfio") << "the request is there";
    side.on_loop([&] {
        device->close(Errc::device_gone, [&] { closed.set_value(); });
        device.reset();
    });
    ASSERT_TRUE(client.wait_for(request));
    EXPECT_EQ(request->error, error_prefix + "DeviceGone");
    side.let_run();
    EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    side.host.go_on();
    ASSERT_EQ(done.wait_for(bus::patience), std::future_status::ready);
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

// --- The configuration's word ----------------------------------------------------------------------------------------------

class ADeadMailbox : public AServedDevice {
protected:
    ADeadMailbox()
        : AServedDevice(
              R"({"address": "0000:0d:00.0", "kind": "cxl-endpoint", "abort_time_us": 1})") {
        auto& options = side.config.device_default.mailbox;
        options.exchange_timeout = std::chrono::milliseconds(500);
        options.revival_pause_min = options.revival_pause_max = std::chrono::hours(1);
    }
};

TEST_F(ADeadMailbox, IsTriedAgainWhenTheHostIsLookedAt) {
    side.host.hold();
    serve(finding);
    ASSERT_TRUE(wait_for("State", "dead"));
    side.host.go_on();
    update(finding);
    expect_daemon();
    EXPECT_EQ(number("Aborts"), 2U);
}

// --- Clients that leave --------------------------------------------------------------------------------------------------

TEST_F(AServedDevice, DropsWhatAClientWaitedForWhenItLeaves) {
    serve_and_read();
    TestClient leaving(side.bus.address());
    leaving.start(mailbox_path, mailbox_interface, "Discover");
    leaving.start(mailbox_path, cdat_interface, "GetTable", true);
    ASSERT_TRUE(wait_for_queue(3));
    leaving.leave();
    EXPECT_TRUE(wait_for_queue(1));
    side.host.go_on();
    ASSERT_TRUE(client.wait_for(reading));
    EXPECT_EQ(reading->error, "") << reading->message;
}

TEST_F(AServedDevice, EndsTheExchangeOfAClientThatLeavesAndGoesNoFurther) {
    serve();
    side.host.hold();
    TestClient leaving(side.bus.address());
    leaving.start(mailbox_path, cdat_interface, "GetTable");
    ASSERT_TRUE(side.host.wait_for_request());
    ASSERT_TRUE(wait_for_queue(1));
    leaving.leave();
    EXPECT_TRUE(wait_for_queue(0));
    side.host.go_on();
    ASSERT_TRUE(wait_for("State", "idle"));
    // Discovery has two, and one was on the wire.
    EXPECT_EQ(number("Exchanges"), 2U + 1U);
    EXPECT_EQ(number("Aborts"), 1U);
}

TEST_F(AServedDevice, DropsWhatAClientWaitedForWhileItIsOpened) {
    serve_and_read();
    update(with_driver(finding, "pcieport"));
    TestClient leaving(side.bus.address());
    leaving.start(mailbox_path, mailbox_interface, "Discover");
    std::promise<void> left;
    auto gone = left.get_future();
    side.on_loop([&] { side.peers->watch(leaving.name(), [&] { left.set_value(); }); });
    leaving.leave();
    ASSERT_EQ(gone.wait_for(bus::patience), std::future_status::ready);
    side.host.go_on();
    ASSERT_TRUE(client.wait_for(reading));
    expect_daemon();
    EXPECT_EQ(number("Exchanges"), 2U + 7U) << "those of the claim and of our own reading";
}

class AConfiguredDevice : public AServedDevice {
protected:
    void serve_by(OwnerChoice choice, DeviceFinding first) {
        auto& configured = side.config.devices[address];
        configured = side.config.device_default;
        configured.owner = choice;
        serve(std::move(first));
    }
};

TEST_F(AConfiguredDevice, ThatIsIgnoredIsLeftAloneWhateverItBecomes) {
    serve_by(OwnerChoice::ignore, finding);
    for (const auto& seen : {finding, with_port(), with_driver(finding, "vfio-pci")}) {
        update(seen);
        EXPECT_EQ(property("Owner"), "none");
        EXPECT_EQ(property("OwnerReason"), "the configuration says ignore");
        expect_refusals("NotSupported");
        EXPECT_THAT(source(), is_absent);
    }
    EXPECT_EQ(side.host.most_handles(), 0);
}

TEST_F(AConfiguredDevice, ThatIsTheKernelsShowsWhatTheKernelHas) {
    serve_by(OwnerChoice::kernel, finding);
    EXPECT_EQ(property("Owner"), "kernel");
    EXPECT_EQ(property("OwnerReason"), "the configuration leaves it to the kernel");
    EXPECT_THAT(source(), is_absent);
    expect_refusals("KernelOwned");
    update(with_port());
    EXPECT_TRUE(client.wait_until([this] { return source() == "kernel"; }));
    EXPECT_EQ(table_size(), 20U);
    EXPECT_EQ(side.host.most_handles(), 0);
}

TEST_F(AConfiguredDevice, ThatIsClaimedIsDrivenBesideTheKernel) {
    serve_by(OwnerChoice::claim, with_port());
    expect_daemon();
    EXPECT_EQ(property("OwnerReason"),
              "the configuration claims it although the kernel has a CXL port for the device "
              "(driver cxl_pci)");
    update(finding);
    EXPECT_TRUE(wait_for("OwnerReason", "the configuration claims it"));
    expect_daemon();
}

TEST_F(AConfiguredDevice, ThatIsClaimedUnderLockdownShowsWhatTheKernelHas) {
    DeviceFinding locked = with_port();
    locked.lockdown = LockdownMode::integrity;
    serve_by(OwnerChoice::claim, locked);
    EXPECT_TRUE(wait_for("Owner", "kernel"));
    EXPECT_EQ(table_size(), 20U);
    EXPECT_EQ(side.host.most_handles(), 0);
}

}  // namespace
}  // namespace doed::daemon
