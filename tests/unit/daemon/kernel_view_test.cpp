// SPDX-License-Identifier: Apache-2.0
#include "daemon/kernel_view.hpp"

#include "fake_tree.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using testing::ElementsAre;

const pci::Address endpoint{0, 0x0d, 0, 0};
const pci::Address switch_port{0, 0x0e, 0, 0};

/// A host with an endpoint, a switch port, and the CXL ports the kernel made for them.
class AKernelView : public testing::Test {
protected:
    AKernelView() {
        tree.file("bus/pci/devices/0000:0d:00.0/config", "");
        tree.file("bus/pci/devices/0000:0e:00.0/config", "");
        tree.link("bus/pci/devices/0000:0d:00.0/driver", "../../../../bus/pci/drivers/cxl_pci");
    }

    [[nodiscard]] KernelView view() const { return KernelView::read(tree.root()); }

    FakeTree tree;
};

TEST_F(AKernelView, SeesNothingOnAHostWithoutCxl) {
    const auto facts = view().of(switch_port);
    EXPECT_EQ(facts.driver, "");
    EXPECT_FALSE(facts.cxl_port);
    EXPECT_TRUE(facts.cdat_file.empty());
    EXPECT_FALSE(facts.tsm_connected);
    EXPECT_TRUE(facts.doe_features.empty());
    EXPECT_EQ(view().lockdown(), LockdownMode::unknown);
}

TEST_F(AKernelView, SeesTheBoundDriver) {
    EXPECT_EQ(view().of(endpoint).driver, "cxl_pci");
}

TEST_F(AKernelView, FindsAnEndpointPortThroughItsMemdev) {
    tree.link("bus/cxl/devices/endpoint2/uport",
              "../../../../pci0000:0c/0000:0c:00.0/0000:0d:00.0/mem0");
    const auto cdat = tree.file("bus/cxl/devices/endpoint2/CDAT", "x");
    const auto facts = view().of(endpoint);
    EXPECT_TRUE(facts.cxl_port);
    EXPECT_EQ(facts.cdat_file, cdat);
    EXPECT_FALSE(view().of(switch_port).cxl_port);
}

TEST_F(AKernelView, FindsASwitchPortThroughItsFunction) {
    tree.link("bus/cxl/devices/port3/uport", "../../../../pci0000:0c/0000:0c:01.0/0000:0e:00.0");
    const auto facts = view().of(switch_port);
    EXPECT_TRUE(facts.cxl_port);
    EXPECT_TRUE(facts.cdat_file.empty()) << "the port has no CDAT file";
}

TEST_F(AKernelView, PassesOverPortsOfHostBridges) {
    tree.link("bus/cxl/devices/port1/uport", "../../../../pci0000:0c");
    tree.link("bus/cxl/devices/root0/uport", "../../../platform/ACPI0017:00");
    tree.file("bus/cxl/devices/port9/CDAT", "no uport link");
    EXPECT_FALSE(view().of(endpoint).cxl_port);
    EXPECT_FALSE(view().of(switch_port).cxl_port);
}

TEST_F(AKernelView, SeesAConnectedTsm) {
    tree.file("bus/pci/devices/0000:0d:00.0/tsm/connect", "\n");
    EXPECT_FALSE(view().of(endpoint).tsm_connected);
    tree.file("bus/pci/devices/0000:0d:00.0/tsm/connect", "tsm0\n");
    EXPECT_TRUE(view().of(endpoint).tsm_connected);
}

TEST_F(AKernelView, ListsTheFeaturesTheKernelDiscovered) {
    tree.file("bus/pci/devices/0000:0d:00.0/doe_features/doe_discovery", "0001:00\n");
    tree.file("bus/pci/devices/0000:0d:00.0/doe_features/1e98:02", "1e98:02\n");
    tree.file("bus/pci/devices/0000:0d:00.0/doe_features/unheard-of", "");
    EXPECT_THAT(view().of(endpoint).doe_features,
                ElementsAre(doe::protocol_discovery, doe::protocol_table_access));
}

TEST_F(AKernelView, ReadsEveryLockdownMode) {
    tree.file("kernel/security/lockdown", "[none] integrity confidentiality\n");
    EXPECT_EQ(view().lockdown(), LockdownMode::none);
    tree.file("kernel/security/lockdown", "none [integrity] confidentiality\n");
    EXPECT_EQ(view().lockdown(), LockdownMode::integrity);
    tree.file("kernel/security/lockdown", "none integrity [confidentiality]\n");
    EXPECT_EQ(view().lockdown(), LockdownMode::confidentiality);
    tree.file("kernel/security/lockdown", "something else\n");
    EXPECT_EQ(view().lockdown(), LockdownMode::unknown);
}

TEST(AKernel, UsesAMailboxThroughAPortSinceMailboxesAreMadeAtEnumeration) {
    for (const char* const release :
         {"6.1.0-56-amd64", "6.3.13", "5.19.0", "6", "", "linux", "6.x"}) {
        EXPECT_EQ(mailbox_use(release), MailboxUse::at_once) << release;
    }
    for (const char* const release : {"6.4.0", "6.12.43+deb13-amd64", "7.2.1", "10.0"}) {
        EXPECT_EQ(mailbox_use(release), MailboxUse::through_port) << release;
    }
}

base::UniqueFd opened(const std::filesystem::path& file) {
    return base::UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
}

TEST(TheKernelsTable, ComesAsItIs) {
    const FakeTree tree;
    const auto bytes = read_kernel_cdat(opened(tree.file("CDAT", "abc")));
    ASSERT_TRUE(bytes) << bytes.error().message();
    EXPECT_THAT(*bytes, ElementsAre('a', 'b', 'c'));
}

TEST(TheKernelsTable, IsNotSupportedWhenTheKernelFailedToReadIt) {
    const FakeTree tree;
    const auto bytes = read_kernel_cdat(opened(tree.file("CDAT", "")));
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code(), base::Errc::not_supported);
}

TEST(TheKernelsRelease, TellsWhetherWritingConfigSpaceTaints) {
    for (const auto* release : {"6.2", "6.2.0-39-generic", "6.3.13"}) {
        EXPECT_TRUE(config_writes_taint(release)) << release;
    }
    for (const auto* release : {"6.1.0-56-amd64", "6.4", "6.20.1", "6.30", "5.6.2", "16.2.1", ""}) {
        EXPECT_FALSE(config_writes_taint(release)) << release;
    }
}

}  // namespace
}  // namespace doed::daemon
