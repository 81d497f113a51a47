// SPDX-License-Identifier: Apache-2.0
#include "daemon/claim_guard.hpp"

#include "fake_tree.hpp"

#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace doed::daemon {
namespace {

const pci::Address function{0, 0x0d, 0, 0};
const std::string folder = "bus/pci/devices/0000:0d:00.0/";
const std::string function_target = "../../../../pci0000:0c/0000:0c:00.0/0000:0d:00.0";
const std::string other_target = "../../../../pci0000:0c/0000:0c:01.0/0000:0e:00.0";

class AClaimGuard : public testing::Test {
protected:
    AClaimGuard() { tree.file(folder + "config", ""); }

    /// The link that takes the old one's place is made before that goes, so that it has another number.
    void bind(const std::string& driver) {
        tree.link(folder + "next", "../../../../bus/pci/drivers/" + driver);
        std::filesystem::rename(tree.root() / (folder + "next"), tree.root() / (folder + "driver"));
    }
    [[nodiscard]] ClaimGuard guard(const std::string& driver = "",
                                   MailboxUse use = MailboxUse::through_port) const {
        struct stat link{};
        ::lstat((tree.root() / (folder + "driver")).c_str(), &link);
        return {tree.root(), function, driver, link.st_ino, use};
    }
    static void expect_taken(ClaimGuard& guard, const std::string& by) {
        const auto confirmed = guard.confirm();
        ASSERT_FALSE(confirmed);
        EXPECT_EQ(confirmed.error().code(), base::Errc::kernel_owned);
        EXPECT_THAT(confirmed.error().message(), testing::HasSubstr(by));
    }

    FakeTree tree;
};

TEST_F(AClaimGuard, ConfirmsWhatNothingHasTaken) {
    auto guarded = guard();
    EXPECT_TRUE(guarded.confirm());
    EXPECT_TRUE(guarded.confirm());
}

TEST_F(AClaimGuard, NoticesADriverAtTheNextAccess) {
    auto guarded = guard();
    ASSERT_TRUE(guarded.confirm());
    bind("cxl_pci");
    expect_taken(guarded, "cxl_pci");
}

TEST_F(AClaimGuard, KeepsADeviceWhoseDriverWasThereBefore) {
    bind("nvme");
    auto guarded = guard("nvme");
    EXPECT_TRUE(guarded.confirm());
}

TEST_F(AClaimGuard, KeepsADeviceWhoseDriverLeaves) {
    bind("nvme");
    auto guarded = guard("nvme");
    std::filesystem::remove(std::filesystem::path(tree.root()) / (folder + "driver"));
    EXPECT_TRUE(guarded.confirm());
}

TEST_F(AClaimGuard, NoticesADriverInAnothersPlace) {
    bind("nvme");
    auto guarded = guard("nvme");
    bind("cxl_pci");
    expect_taken(guarded, "cxl_pci");
}

TEST_F(AClaimGuard, NoticesADriverThatIsBoundAnew) {
    bind("cxl_pci");
    auto guarded = guard("cxl_pci");
    ASSERT_TRUE(guarded.confirm());
    bind("cxl_pci");
    expect_taken(guarded, "cxl_pci");
}

TEST_F(AClaimGuard, NoticesAnEndpointOfTheDriverThatWasThereBefore) {
    bind("cxl_pci");
    auto guarded = guard("cxl_pci");
    ASSERT_TRUE(guarded.confirm());
    tree.link("bus/cxl/devices/endpoint2/uport", function_target + "/mem0");
    expect_taken(guarded, "endpoint2");
}

TEST_F(AClaimGuard, NoticesAPortOfItsSwitch) {
    bind("pcieport");
    auto guarded = guard("pcieport");
    ASSERT_TRUE(guarded.confirm());
    tree.link("bus/cxl/devices/port3/uport", function_target);
    expect_taken(guarded, "port3");
}

TEST_F(AClaimGuard, KeepsADeviceWhenOthersGetPorts) {
    bind("pcieport");
    auto guarded = guard("pcieport");
    tree.link("bus/cxl/devices/port3/uport", other_target);
    tree.link("bus/cxl/devices/endpoint2/uport", other_target + "/mem0");
    tree.file("bus/cxl/devices/mem0/uevent", "");
    EXPECT_TRUE(guarded.confirm());
    EXPECT_TRUE(guarded.confirm());
}

// The kernel links a port to its function only when the port's driver has read the table.
TEST_F(AClaimGuard, TakesAPortInTheMakingForItsOwn) {
    bind("pcieport");
    auto bridge = guard("pcieport");
    auto endpoint = guard("cxl_pci");
    auto without_driver = guard();
    tree.file("bus/cxl/devices/port3/uevent", "");
    EXPECT_FALSE(bridge.confirm());
    std::filesystem::remove(std::filesystem::path(tree.root()) / (folder + "driver"));
    EXPECT_TRUE(endpoint.confirm());
    tree.file("bus/cxl/devices/endpoint4/uevent", "");
    EXPECT_FALSE(endpoint.confirm());
    EXPECT_TRUE(without_driver.confirm());
}

TEST_F(AClaimGuard, LooksAgainAtAPortThatIsMadeAnewUnderItsName) {
    bind("pcieport");
    auto guarded = guard("pcieport");
    tree.link("bus/cxl/devices/port3/uport", other_target);
    ASSERT_TRUE(guarded.confirm());
    // The folder that takes its place is made before the old one goes, so that it has another number.
    const std::filesystem::path devices = std::filesystem::path(tree.root()) / "bus/cxl/devices";
    tree.link("bus/cxl/devices/port9/uport", function_target);
    std::filesystem::remove_all(devices / "port3");
    std::filesystem::rename(devices / "port9", devices / "port3");
    expect_taken(guarded, "port3");
}

// --- Whether the kernel is there yet ---------------------------------------------------------------------------------------

TEST_F(AClaimGuard, IsAheadOfADriverThatHasNotMadeAPort) {
    auto guarded = guard();
    ASSERT_TRUE(guarded.confirm());
    bind("cxl_pci");
    tree.link("bus/cxl/devices/endpoint4/uport", other_target + "/mem0");
    tree.file("bus/cxl/devices/port3/uevent", "");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_FALSE(guarded.confirm());
    EXPECT_TRUE(guarded.is_ahead_of_kernel()) << "however long it takes to make one";
    tree.link("bus/cxl/devices/endpoint2/uport", function_target + "/mem1");
    EXPECT_FALSE(guarded.is_ahead_of_kernel());
}

TEST_F(AClaimGuard, IsNotAheadOfADriverThatMakesAPortForSomebody) {
    auto guarded = guard();
    ASSERT_TRUE(guarded.confirm());
    bind("cxl_pci");
    tree.file("bus/cxl/devices/endpoint2/uevent", "");
    ASSERT_FALSE(guarded.confirm());
    EXPECT_FALSE(guarded.is_ahead_of_kernel());
}

TEST_F(AClaimGuard, IsAheadForAMomentOnlyOfADriverThatUsesTheMailboxAtOnce) {
    auto guarded = guard("", MailboxUse::at_once);
    ASSERT_TRUE(guarded.confirm());
    const auto confirmed = std::chrono::steady_clock::now();
    bind("cxl_pci");
    ASSERT_FALSE(guarded.confirm());
    const bool ahead = guarded.is_ahead_of_kernel();
    if (std::chrono::steady_clock::now() - confirmed < std::chrono::milliseconds(5)) {
        EXPECT_TRUE(ahead);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(6));
    EXPECT_FALSE(guarded.is_ahead_of_kernel());
}

TEST_F(AClaimGuard, IsAheadForAMomentOnlyOfAPort) {
    bind("pcieport");
    auto guarded = guard("pcieport");
    ASSERT_TRUE(guarded.confirm());
    tree.link("bus/cxl/devices/port3/uport", function_target);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_FALSE(guarded.confirm());
    EXPECT_FALSE(guarded.is_ahead_of_kernel());
}

TEST_F(AClaimGuard, KeepsADeviceThatIsRemoved) {
    auto guarded = guard();
    std::filesystem::remove_all(std::filesystem::path(tree.root()) / folder);
    EXPECT_TRUE(guarded.confirm()) << "config space tells of that";
}

}  // namespace
}  // namespace doed::daemon
