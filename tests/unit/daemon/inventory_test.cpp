// SPDX-License-Identifier: Apache-2.0
//
// Devices that come and go under an inventory, as a client sees it on a bus.
#include "daemon/inventory.hpp"

#include "daemon_side.hpp"
#include "fake_tree.hpp"
#include "support/descriptors.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using base::Errc;
using names::cdat_interface;
using names::device_interface;
using names::mailbox_interface;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr pci::Address address{.bus = 0x0D};
const std::string device_path = "/org/doed1/device/0000_0d_00_0";
const std::string mailbox_path = device_path + "/mailbox_190";

/// An endpoint with its mailbox at 0x190; `more` are further keys of the topology file.
std::string endpoint(const std::string& more = "", const std::string& at = "0000:0d:00.0") {
    return R"({"address": ")" + at + R"(", "kind": "cxl-endpoint", "response_time_us": 1)" + more +
           "}";
}

std::string added(const std::string& path, const std::string& interface) {
    return "added " + path + " " + interface;
}
std::string removed(const std::string& path, const std::string& interface) {
    return "removed " + path + " " + interface;
}

class AnInventory : public testing::Test {
protected:
    ~AnInventory() override {
        side.host.go_on();
        side.finish_on_loop([this](auto closed) { inventory->close(closed); });
        side.stop([this] { inventory.reset(); });
    }

    void begin() {
        side.on_loop([this] {
            side.look = [this] { inventory->look(); };
            ASSERT_TRUE(inventory->begin());
            inventory->publish(*side.connection, *side.pump, *side.clients, *side.manager);
        });
    }
    /// Begins with one endpoint, and waits until it is claimed.
    void begin_with(const std::string& device) {
        side.host.plug(device);
        begin();
        ASSERT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
        client.forget_signals();
        EXPECT_EQ(side.host.most_handles(), 1);
    }
    void look() {
        side.on_loop([this] { inventory->look(); });
    }
    [[nodiscard]] std::vector<std::uint8_t> table() {
        const auto answer = client.call(mailbox_path, cdat_interface, "GetTable");
        EXPECT_EQ(answer->error, "");
        return answer->bytes;
    }
    /// When a signal came among those that were heard.
    [[nodiscard]] std::ptrdiff_t when(const std::string& signal) {
        EXPECT_TRUE(client.wait_for_signal(signal)) << signal;
        return std::ranges::find(client.signals(), signal) - client.signals().begin();
    }

    DaemonSide side;
    bus::TestClient& client = *side.client;
    std::optional<Inventory> inventory{side.context};
};

TEST_F(AnInventory, ShowsADeviceThatAppears) {
    begin();
    EXPECT_THAT(client.objects(), IsEmpty());
    side.host.plug(endpoint());
    look();
    EXPECT_LT(when(added(device_path, device_interface)),
              when(added(mailbox_path, mailbox_interface)));
    EXPECT_LT(when(added(mailbox_path, mailbox_interface)),
              when(added(mailbox_path, cdat_interface)));
    EXPECT_THAT(client.objects(), ElementsAre(device_path, mailbox_path));
    EXPECT_EQ(client.property(mailbox_path, mailbox_interface, "Owner"), "daemon");
    EXPECT_EQ(table().size(), 160U);
}

TEST_F(AnInventory, TakesAwayWhatDisappearsFromTheInsideOut) {
    begin_with(endpoint());
    side.host.unplug(address);
    look();
    const auto device_gone = when(removed(device_path, device_interface));
    EXPECT_LT(when(removed(mailbox_path, cdat_interface)), device_gone);
    EXPECT_LT(when(removed(mailbox_path, mailbox_interface)), device_gone);
    EXPECT_THAT(client.objects(), IsEmpty());
    EXPECT_EQ(client.call(mailbox_path, mailbox_interface, "Discover")->error,
              "org.freedesktop.DBus.Error.UnknownObject");
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

TEST_F(AnInventory, LeavesTheOthersAloneWhenOneDisappears) {
    const std::string other_mailbox = "/org/doed1/device/0000_0e_00_0/mailbox_190";
    side.host.plug(endpoint("", "0000:0e:00.0"));
    side.host.plug(endpoint());
    begin();
    ASSERT_TRUE(client.wait_for_signal(added(other_mailbox, cdat_interface)));
    ASSERT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
    client.forget_signals();
    side.host.unplug(address);
    look();
    EXPECT_TRUE(client.wait_for_signal(removed(device_path, device_interface)));
    EXPECT_EQ(client.property(other_mailbox, mailbox_interface, "State"), "idle");
    for (const auto& signal : client.signals()) {
        EXPECT_THAT(signal, HasSubstr(device_path));
    }
}

TEST_F(AnInventory, ServesADeviceThatReturnsAtTheSamePathAndAnew) {
    begin_with(endpoint(R"(, "memory_size": "0x10000000")"));
    const auto before = table();
    side.host.unplug(address);
    look();
    ASSERT_TRUE(client.wait_for_signal(removed(device_path, device_interface)));
    client.forget_signals();
    side.host.plug(endpoint(R"(, "memory_size": "0x20000000")"));
    look();
    ASSERT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
    EXPECT_THAT(client.objects(), ElementsAre(device_path, mailbox_path));
    EXPECT_NE(table(), before) << "the copy of the device before is not shown";
}

TEST_F(AnInventory, TellsAnotherDeviceInTheSamePlaceByItsMailboxes) {
    begin_with(endpoint());
    side.host.unplug(address);
    side.host.plug(R"({"address": "0000:0d:00.0", "kind": "cxl-switch-upstream"})");
    look();
    const std::string other_mailbox = device_path + "/mailbox_1a8";
    EXPECT_LT(when(removed(device_path, device_interface)),
              when(added(device_path, device_interface)));
    EXPECT_TRUE(client.wait_for_signal(added(other_mailbox, cdat_interface)));
    EXPECT_THAT(client.objects(), ElementsAre(device_path, other_mailbox));
}

TEST_F(AnInventory, TellsAnotherDeviceInTheSamePlaceByWhatItIs) {
    begin_with(endpoint(R"(, "device": "0x1111", "memory_size": "0x10000000")"));
    const auto before = table();
    side.host.unplug(address);
    side.host.plug(endpoint(R"(, "device": "0x2222", "memory_size": "0x20000000")"));
    look();
    EXPECT_LT(when(removed(device_path, device_interface)),
              when(added(device_path, device_interface)));
    EXPECT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
    EXPECT_NE(table(), before) << "the copy of the device before is not shown";
}

TEST_F(AnInventory, TellsADeviceThatWentAndReturnedBetweenTwoLooksByItsIdentity) {
    side.host.plug(endpoint(R"(, "memory_size": "0x10000000")"), 1);
    begin();
    ASSERT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
    const auto before = table();
    look();
    side.let_run();
    client.forget_signals();
    side.host.unplug(address);
    side.host.plug(endpoint(R"(, "memory_size": "0x20000000")"), 2);
    look();
    EXPECT_LT(when(removed(device_path, device_interface)),
              when(added(device_path, device_interface)));
    ASSERT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
    EXPECT_NE(table(), before) << "the copy of the device before is not shown";
}

TEST_F(AnInventory, ServesADeviceThatWentAndReturnedBetweenTwoLooks) {
    begin_with(endpoint());
    side.host.unplug(address);
    side.host.plug(endpoint());
    // Nothing can be told from the outside; whoever comes first finds out.
    const auto first = client.call(mailbox_path, cdat_interface, "GetTable");
    EXPECT_EQ(first->error, "org.doed1.Error.DeviceGone");
    ASSERT_TRUE(client.wait_for(mailbox_path, mailbox_interface, "State", "idle"));
    EXPECT_EQ(table().size(), 160U);
}

TEST_F(AnInventory, LooksAgainForWhatComesDuringALook) {
    begin();
    side.host.at_next_scan([this] {
        side.host.plug(endpoint());
        side.on_loop([this] { inventory->look(); });
    });
    look();
    EXPECT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
}

TEST_F(AnInventory, KeepsWhatItHasWhenItCannotLook) {
    begin_with(endpoint());
    side.host.refuse(base::Error(Errc::io, "/sys is gone"));
    std::promise<void> looked;
    side.host.at_next_scan([&] { looked.set_value(); });
    look();
    ASSERT_EQ(looked.get_future().wait_for(bus::patience), std::future_status::ready);
    EXPECT_EQ(table().size(), 160U);
    side.host.refuse(std::nullopt);
    side.host.unplug(address);
    look();
    EXPECT_TRUE(client.wait_for_signal(removed(device_path, device_interface)));
}

TEST_F(AnInventory, DoesNotBeginWithoutAHost) {
    side.host.refuse(base::Error(Errc::access_denied, "/sys"));
    const auto begun = side.on_loop([this] { return inventory->begin(); });
    ASSERT_FALSE(begun);
    EXPECT_EQ(begun.error().code(), Errc::access_denied);
}

TEST_F(AnInventory, IsSettledWhenTheLastClaimIsOver) {
    // The first device needs no claim, which says nothing of the second.
    side.host.plug(endpoint());
    side.host.plug(endpoint("", "0000:0e:00.0"));
    side.config.devices[address].owner = OwnerChoice::ignore;
    std::atomic<bool> early = false;
    std::atomic<bool> settled = false;
    side.changed = [&] {
        settled = inventory->settled();
        early = early || (settled && side.host.handles() == 0);
    };
    begin();
    ASSERT_TRUE(client.wait_for("/org/doed1/device/0000_0e_00_0/mailbox_190", mailbox_interface,
                                "State", "idle"));
    EXPECT_TRUE(settled);
    EXPECT_FALSE(early);
    side.on_loop([this] { side.changed = [] {}; });
}

TEST_F(AnInventory, CountsWhatItServes) {
    side.host.plug(endpoint());
    side.host.plug(R"({"address": "0000:3b:00.0", "kind": "custom", "vendor": 1, "device": 2,
                       "class": 3, "mailboxes": [{"offset": "0x160", "protocols": []},
                                                 {"offset": "0x180", "protocols": []}]})");
    side.config.devices[pci::Address{.bus = 0x3B}].owner = OwnerChoice::ignore;
    begin();
    EXPECT_EQ(side.on_loop([this] { return inventory->summary(); }),
              "2 devices, 3 mailboxes (1 driven)");
}

// --- Lockdown --------------------------------------------------------------------------------------------------------------

class ALockdown : public AnInventory {
protected:
    ALockdown() {
        const std::string device = "bus/pci/devices/0000:0d:00.0/";
        tree.file(device + "config", "");
        tree.file(device + "power/control", "on\n");
        side.context.sysfs_root = tree.root();
        side.context.power_records = tree.root();
    }
    void set(const std::string& modes) { tree.file("kernel/security/lockdown", modes + "\n"); }
    [[nodiscard]] std::string shown() {
        return client.property(names::root_path, names::manager_interface, "Lockdown");
    }

    FakeTree tree;
};

TEST_F(ALockdown, ThatBeginsWhileItServesEndsThatAndIsTold) {
    set("[none] integrity confidentiality");
    begin_with(endpoint());
    EXPECT_EQ(client.property(mailbox_path, mailbox_interface, "Owner"), "daemon");
    set("none [integrity] confidentiality");
    look();
    EXPECT_TRUE(client.wait_for_signal(std::string("changed ") + names::root_path + " " +
                                       names::manager_interface));
    EXPECT_EQ(shown(), "integrity");
    EXPECT_EQ(client.property(mailbox_path, mailbox_interface, "Owner"), "none");
    EXPECT_EQ(client.call(mailbox_path, mailbox_interface, "Discover")->error,
              "org.doed1.Error.Lockdown");
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

TEST_F(ALockdown, ThatStaysIsToldOnce) {
    set("[none] integrity confidentiality");
    begin_with(endpoint());
    set("none [integrity] confidentiality");
    look();
    const std::string signal =
        std::string("changed ") + names::root_path + " " + names::manager_interface;
    ASSERT_TRUE(client.wait_for_signal(signal));
    client.forget_signals();
    look();
    side.let_run();
    set("none integrity [confidentiality]");
    look();
    ASSERT_TRUE(client.wait_for_signal(signal));
    EXPECT_EQ(shown(), "confidentiality");
    EXPECT_EQ(std::ranges::count(client.signals(), signal), 1);
}

// --- Removal while a read is on the wire -----------------------------------------------------------------------------------

class ARead : public AnInventory {
protected:
    /// An endpoint with two readings on its wire or behind it.
    void begin_reading() {
        begin_with(endpoint());
        side.host.hold();
        reading = client.start(mailbox_path, cdat_interface, "GetTable");
        waiting = client.start(mailbox_path, mailbox_interface, "Discover");
        ASSERT_TRUE(side.host.wait_for_request());
        // Calls are handled in their order: the one behind is there too.
        ASSERT_EQ(client.property(mailbox_path, mailbox_interface, "Owner"), "daemon");
    }
    void expect_answers(const std::string& error) {
        for (const auto& answer : {reading, waiting}) {
            ASSERT_TRUE(client.wait_for(answer));
            EXPECT_EQ(answer->error, error);
            EXPECT_THAT(answer->message, HasSubstr("0000:0d:00.0 mailbox 0x190"));
        }
    }

    bus::TestClient::AnswerPtr reading;
    bus::TestClient::AnswerPtr waiting;
};

TEST_F(ARead, OfADeviceThatIsPulledIsAnsweredDeviceGone) {
    begin_reading();
    side.host.unplug(address);
    look();
    expect_answers("org.doed1.Error.DeviceGone");
    EXPECT_TRUE(client.wait_for_signal(removed(device_path, device_interface)));
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

TEST_F(ARead, OfADeviceThatIsPulledIsAnsweredDeviceGoneBeforeAnybodyLooks) {
    begin_reading();
    side.on_loop([this] { side.look = [] {}; });
    side.host.unplug(address);
    expect_answers("org.doed1.Error.DeviceGone");
    EXPECT_EQ(client.property(mailbox_path, mailbox_interface, "State"), "gone");
}

TEST_F(ARead, IsAnsweredWhileTheDeviceThatIsRemovedStillWorksOnIt) {
    begin_reading();
    side.host.hide(address);
    look();
    expect_answers("org.doed1.Error.DeviceGone");
    EXPECT_TRUE(client.wait_for_signal(removed(device_path, device_interface)));
    side.host.go_on();
    EXPECT_TRUE(side.host.wait_for_handles(0)) << "the device is given back";
}

TEST_F(ARead, IsOverBeforeADeviceThatReturnsIsTaken) {
    begin_reading();
    side.host.hide(address);
    look();
    expect_answers("org.doed1.Error.DeviceGone");
    ASSERT_TRUE(client.wait_for_signal(removed(device_path, device_interface)));
    side.host.plug(endpoint());
    look();
    side.let_run();
    side.host.go_on();
    EXPECT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
    EXPECT_EQ(side.host.most_handles(), 1) << "a mailbox has one driver at a time";
}

TEST_F(ARead, IsOverBeforeADeviceThatIsLentAndReturnsIsTaken) {
    begin_reading();
    const auto lease = client.start(mailbox_path, mailbox_interface, "Release");
    expect_answers("org.doed1.Error.Released");
    side.host.hide(address);
    look();
    ASSERT_TRUE(client.wait_for_signal(removed(device_path, device_interface)));
    side.host.plug(endpoint());
    look();
    side.let_run();
    side.host.go_on();
    EXPECT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
    EXPECT_EQ(side.host.most_handles(), 1) << "a mailbox has one driver at a time";
    ASSERT_TRUE(client.wait_for(lease));
    EXPECT_EQ(lease->error, "org.doed1.Error.DeviceGone");
}

TEST_F(ARead, IsCancelledWhenTheServiceEndsWhichWaitsForTheDevice) {
    begin_reading();
    std::promise<void> closed;
    auto done = closed.get_future();
    side.on_loop([&] { inventory->close([&] { closed.set_value(); }); });
    expect_answers("org.doed1.Error.Cancelled");
    side.let_run();
    EXPECT_EQ(done.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
    side.host.go_on();
    EXPECT_EQ(done.wait_for(bus::patience), std::future_status::ready);
    EXPECT_TRUE(side.host.wait_for_handles(0));
}

// --- Again and again -----------------------------------------------------------------------------------------------------------

class ADevice : public AnInventory {
protected:
    struct Footprint {
        int descriptors = 0;
        std::ptrdiff_t threads = 0;
        std::size_t objects = 0;

        friend void PrintTo(const Footprint& its, std::ostream* out) {
            *out << its.descriptors << " descriptors, " << its.threads << " threads, "
                 << its.objects << " objects";
        }
    };
    [[nodiscard]] Footprint footprint() {
        const std::filesystem::directory_iterator tasks("/proc/self/task");
        return {test::count_descriptors(),
                std::distance(tasks, std::filesystem::directory_iterator()),
                client.objects().size()};
    }

    /// Comes, is read and lent, and goes while it is lent; the lease ends when it is not there.
    void come_and_go() {
        client.forget_signals();
        side.host.plug(endpoint());
        look();
        ASSERT_TRUE(client.wait_for_signal(added(mailbox_path, cdat_interface)));
        const auto file = client.call(mailbox_path, cdat_interface, "GetTableFd");
        ASSERT_EQ(file->error, "");
        const auto lease = client.call(mailbox_path, mailbox_interface, "Release");
        ASSERT_EQ(lease->error, "");
        side.host.unplug(address);
        look();
        ASSERT_TRUE(client.wait_for_signal(removed(device_path, device_interface)));
        ASSERT_TRUE(side.host.wait_for_handles(0));
    }
};

TEST_F(ADevice, ThatComesAndGoesAThousandTimesLeavesNothingBehind) {
    begin();
    come_and_go();
    come_and_go();
    const auto before = footprint();
    for (int cycle = 0; cycle < 1000 && !HasFatalFailure(); ++cycle) {
        come_and_go();
    }
    // The last lease may still be on its way out, now or then.
    EXPECT_TRUE(client.wait_until([&] {
        const auto after = footprint();
        return after.descriptors <= before.descriptors && after.threads <= before.threads &&
               after.objects == 0;
    })) << testing::PrintToString(footprint())
        << ", not " << testing::PrintToString(before);
    EXPECT_EQ(before.objects, 0U);
    EXPECT_EQ(side.host.most_handles(), 1);
}

}  // namespace
}  // namespace doed::daemon
