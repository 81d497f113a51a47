// SPDX-License-Identifier: Apache-2.0
//
// One device whose owner changes, and whose mailboxes are lent, as a client sees it on a bus. What the host shows of the
// kernel is made up by the test; the device itself is emulated.
#include "daemon/served_device.hpp"

#include "daemon_side.hpp"
#include "fake_tree.hpp"

#include <atomic>
#include <future>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

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
using testing::StartsWith;

constexpr pci::Address address{.bus = 0x0D};
const std::string device_path = "/org/doed1/device/0000_0d_00_0";
const std::string mailbox_path = device_path + "/mailbox_190";
const std::string error_prefix = "org.doed1.Error.";

/// What a property of an interface that is not there is, in either generation of sdbus-c++.
const auto is_absent = StartsWith("(org.freedesktop.DBus.Error.Unknown");

constexpr char endpoint[] =
    R"({"address": "0000:0d:00.0", "kind": "cxl-endpoint", "response_time_us": 1})";

class AServedDevice : public testing::Test {
protected:
    explicit AServedDevice(const std::string& description = endpoint) {
        side.host.plug(description);
        finding = found();
    }
    ~AServedDevice() override {
        side.host.go_on();
        if (device) {
            side.finish_on_loop([this](auto closed) { device->close(Errc::cancelled, closed); });
        }
        side.stop([this] { device.reset(); });
    }

    /// The device as the host shows it, without a driver.
    [[nodiscard]] DeviceFinding found() {
        auto findings = HostFindings::look(side.host, std::nullopt);
        return findings->devices.at(0);
    }
    static DeviceFinding with_driver(DeviceFinding finding, const std::string& driver) {
        finding.info.driver = driver;
        finding.kernel.driver = driver;
        return finding;
    }
    /// With a CXL port whose CDAT file holds `size` bytes and is the one of that identity.
    [[nodiscard]] DeviceFinding with_port(std::size_t size = 20, std::uint64_t identity = 7) const {
        DeviceFinding result = with_driver(finding, "cxl_pci");
        result.kernel.cxl_port = true;
        result.kernel.cdat_file =
            tree.file("CDAT" + std::to_string(identity), std::string(size, 'a'));
        result.kernel.cdat_identity = identity;
        return result;
    }

    void serve(DeviceFinding first) {
        side.on_loop([&] {
            device = std::make_shared<ServedDevice>(side.context, std::move(first));
            device->publish(*side.connection, *side.pump, *side.peers);
            device->begin();
        });
    }
    /// Serves it and waits until it is claimed.
    void serve() {
        serve(finding);
        ASSERT_TRUE(wait_for("State", "idle"));
        client.forget_signals();
        EXPECT_EQ(side.host.most_handles(), static_cast<int>(finding.info.mailboxes.size()));
    }
    void update(DeviceFinding now) {
        side.on_loop([&] { device->update(std::move(now)); });
    }
    /// Serves it with a reading on its wire that does not end before go_on().
    void serve_and_read() {
        serve();
        side.host.hold();
        reading = client.start(mailbox_path, cdat_interface, "GetTable");
        ASSERT_TRUE(side.host.wait_for_request());
    }

    [[nodiscard]] std::string property(const char* name) {
        return client.property(mailbox_path, mailbox_interface, name);
    }
    [[nodiscard]] bool wait_for(const char* name, const std::string& value) {
        return client.wait_for(mailbox_path, mailbox_interface, name, value);
    }
    [[nodiscard]] std::string source() {
        return client.property(mailbox_path, cdat_interface, "Source");
    }
    [[nodiscard]] std::string error_of(const char* interface, const char* method,
                                       bool refresh = false) {
        return client.call(mailbox_path, interface, method, refresh)->error;
    }
    [[nodiscard]] std::size_t table_size() {
        const auto answer = client.call(mailbox_path, cdat_interface, "GetTable");
        EXPECT_EQ(answer->error, "") << answer->message;
        return answer->bytes.size();
    }
    void expect_daemon() {
        EXPECT_TRUE(wait_for("State", "idle"));
        EXPECT_EQ(property("Owner"), "daemon");
        EXPECT_EQ(property("Backend"), "changing");
        EXPECT_EQ(property("Completion"), "poll");
        EXPECT_EQ(source(), "mailbox");
        EXPECT_EQ(table_size(), 160U);
    }
    void expect_refusals(const std::string& name) {
        const std::string error = error_prefix + name;
        EXPECT_EQ(error_of(mailbox_interface, "Discover"), error);
        EXPECT_EQ(error_of(mailbox_interface, "Reset"), error);
        EXPECT_EQ(error_of(mailbox_interface, "Release"), error);
    }

    FakeTree tree;
    DaemonSide side;
    TestClient& client = *side.client;
    DeviceFinding finding;
    std::shared_ptr<ServedDevice> device;
    TestClient::AnswerPtr reading;
};

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
    update(with_port(28, 8));
    EXPECT_TRUE(client.wait_until([this] { return source() == "kernel" && table_size() == 28; }));
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
    EXPECT_TRUE(client.wait_until([this] { return source() == "kernel" && table_size() == 24; }));
}

TEST_F(AServedDevice, LetsRequestsWaitWhileItIsOpenedAnew) {
    serve_and_read();
    update(with_driver(finding, "pcieport"));
    const auto request = client.start(mailbox_path, mailbox_interface, "Discover");
    EXPECT_EQ(property("Owner"), "daemon");
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
    update(with_driver(finding, "pcieport"));
    const auto request = client.start(mailbox_path, mailbox_interface, "Discover");
    EXPECT_EQ(property("Owner"), "daemon") << "the request is there";
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

// --- Leases ----------------------------------------------------------------------------------------------------------------

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
    /// Whether the holder of the lease is told that it has ended.
    [[nodiscard]] static bool is_void(const base::UniqueFd& lease) {
        pollfd end{.fd = lease.get(), .events = 0, .revents = 0};
        const auto limit = std::chrono::milliseconds(bus::patience).count();
        return ::poll(&end, 1, static_cast<int>(limit)) == 1 && (end.revents & POLLERR) != 0;
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

TEST_F(ALentDevice, IsTakenBackWhenItsHolderLeavesTheBus) {
    serve();
    TestClient holder(side.bus.address());
    const auto lease = holder.call(mailbox_path, mailbox_interface, "Release");
    ASSERT_EQ(lease->error, "");
    expect_lent();
    EXPECT_EQ(property("OwnerReason"), "lent to " + holder.name());
    holder.leave();
    expect_daemon();
    EXPECT_TRUE(is_void(lease->descriptor)) << "the descriptor alone holds nothing";
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
    update(with_driver(finding, "pcieport"));
    EXPECT_EQ(error_of(mailbox_interface, "Release"), error_prefix + "Busy");
    side.host.go_on();
    expect_daemon();
    auto lease = lend();
    expect_lent();
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

TEST_F(ALentDevice, EndsItsLeaseWhenItGoes) {
    serve();
    const auto lease = lend();
    side.finish_on_loop([this](auto closed) { device->close(Errc::device_gone, closed); });
    EXPECT_TRUE(is_void(lease));
    EXPECT_THAT(client.objects(), IsEmpty());
    side.on_loop([this] { device.reset(); });
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
