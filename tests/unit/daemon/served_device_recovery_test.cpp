// SPDX-License-Identifier: Apache-2.0
//
// What is done about a device that was lost, or cannot be had: as little as possible, and not too often.
#include "base/dbus_names.hpp"
#include "served_device_fixture.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>

namespace doed::daemon {
namespace {

using base::Errc;
using names::mailbox_interface;
using std::chrono::milliseconds;

class ADeviceInTrouble : public AServedDevice {
protected:
    ADeviceInTrouble() {
        side.context.driver_grace = milliseconds(300);
        side.context.retry_pause_min = milliseconds(50);
        side.on_loop([this] { side.look = [this] { ++looks; }; });
    }
    ~ADeviceInTrouble() override {
        side.on_loop([this] { side.look = [] {}; });
    }

    /// Does what the daemon would: every look that is asked for finds `now`. Until `done`.
    [[nodiscard]] bool look_on(const DeviceFinding& now, const std::function<bool()>& done) {
        const auto end = std::chrono::steady_clock::now() + bus::patience;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) {
                return false;
            }
            if (looks.exchange(0) > 0) {
                update(now);
            }
            side.let_run();
        }
        return true;
    }

    std::atomic<int> looks = 0;
};

TEST_F(ADeviceInTrouble, IsTheKernelsWhileACxlDriverThatWasJustBoundMayTakeIt) {
    serve();
    const auto bound = with_driver(finding, "cxl_pci");
    update(bound);
    EXPECT_EQ(property("Owner"), "kernel");
    EXPECT_EQ(property("OwnerReason"), "driver cxl_pci is taking the device");
    EXPECT_TRUE(look_on(bound, [this] { return property("Owner") == "daemon"; }));
    expect_daemon();
    EXPECT_EQ(property("OwnerReason"), "driver cxl_pci does not use the mailbox");
}

TEST_F(ADeviceInTrouble, StaysTheKernelsWhenTheDriverMakesAPort) {
    serve();
    update(with_driver(finding, "cxl_pci"));
    EXPECT_EQ(property("Owner"), "kernel");
    update(with_port());
    EXPECT_EQ(property("Owner"), "kernel");
    EXPECT_TRUE(client.wait_until([this] { return source() == "kernel"; }));
    EXPECT_EQ(table_size(), 20U);
}

TEST_F(ADeviceInTrouble, IsReadOnWhenOnlyTheReasonForItsOwnerChanges) {
    serve_and_read();
    const int openings = side.host.openings();
    update(with_driver(finding, "pcieport"));
    EXPECT_TRUE(wait_for("OwnerReason", "driver pcieport does not use the mailbox"));
    side.host.go_on();
    ASSERT_TRUE(client.wait_for(reading));
    EXPECT_EQ(reading->error, "");
    EXPECT_EQ(side.host.openings(), openings);
}

TEST_F(ADeviceInTrouble, ThatIsListedAndDoesNotAnswerIsTriedAgainWithGrowingPauses) {
    serve();
    const int openings = side.host.openings();
    const auto start = std::chrono::steady_clock::now();
    side.host.silence(address);
    EXPECT_EQ(error_of(mailbox_interface, "Discover"), error_prefix + "DeviceGone");
    // Looks come all the time; those that are asked for come when it is time to try again.
    ASSERT_TRUE(look_on(finding, [&] {
        update(finding);
        return std::chrono::steady_clock::now() - start > milliseconds(600);
    }));
    const int tried = side.host.openings() - openings;
    EXPECT_GE(tried, 2);
    EXPECT_LE(tried, 5) << "after 0, 50, 150, 350, 750 ms";
    side.host.plug(endpoint);
    EXPECT_TRUE(look_on(finding, [this] { return property("State") == "idle"; }));
    expect_daemon();
}

TEST_F(ADeviceInTrouble, ThatCannotBeOpenedIsTriedAgainAndKeepsItsReasonMeanwhile) {
    side.host.refuse(base::Error(Errc::busy, "config: in use"));
    serve(finding);
    EXPECT_TRUE(wait_for("Owner", "none"));
    client.forget_signals();
    const int openings = side.host.openings();
    ASSERT_TRUE(look_on(finding, [&] { return side.host.openings() >= openings + 3; }))
        << "nobody tries again by itself";
    EXPECT_THAT(client.signals(), testing::IsEmpty()) << "Owner and State do not flicker";
    side.host.refuse(std::nullopt);
    EXPECT_TRUE(look_on(finding, [this] { return property("Owner") == "daemon"; }));
    expect_daemon();
}

TEST_F(ADeviceInTrouble, RefusesAtOnceWhatComesAfterItsEnd) {
    serve_and_read();
    update(with_driver(finding, "vfio-pci"));
    std::promise<void> closed;
    side.on_loop([&] { device->close(Errc::cancelled, [&] { closed.set_value(); }); });
    EXPECT_EQ(error_of(mailbox_interface, "Discover"), error_prefix + "Cancelled");
    side.host.go_on();
    closed.get_future().wait();
    side.on_loop([this] { device.reset(); });
}

}  // namespace
}  // namespace doed::daemon
