// SPDX-License-Identifier: Apache-2.0
#include "daemon/host_view_reader.hpp"

#include "fake_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using cdat::HostFigures;
using cdat::HostRegion;
using testing::ElementsAre;
using testing::IsEmpty;

const pci::Address endpoint{0, 0x0d, 0, 0};

/// A host with two endpoints, mem0 behind endpoint4 and mem1 behind endpoint5.
class AHostView : public testing::Test {
protected:
    AHostView() {
        tree.file("bus/pci/devices/0000:0d:00.0/mem0/serial", "0x0");
        tree.file("bus/pci/devices/0000:0f:00.0/mem1/serial", "0x0");
        tree.link("bus/cxl/devices/endpoint4/uport",
                  "../../../../pci0000:0c/0000:0c:00.0/0000:0d:00.0/mem0");
        tree.link("bus/cxl/devices/endpoint5/uport",
                  "../../../../pci0000:0c/0000:0c:01.0/0000:0f:00.0/mem1");
    }
    void add_region(const std::string& name, const std::string& target) {
        tree.file("bus/cxl/devices/" + name + "/target0", target + "\n");
    }
    void add_figures(const std::string& folder) {
        tree.file(folder + "/read_latency", "320\n");
        tree.file(folder + "/write_latency", "420\n");
        tree.file(folder + "/read_bandwidth", "15000\n");
        tree.file(folder + "/write_bandwidth", "14000\n");
    }
    [[nodiscard]] cdat::HostView view() const { return read_host_view(tree.root(), endpoint); }

    const HostFigures figures{320, 420, 15000, 14000};
    FakeTree tree;
};

TEST_F(AHostView, IsEmptyWithoutAMemoryDevice) {
    EXPECT_TRUE(read_host_view(tree.root(), pci::Address{0, 0x0e, 0, 0}).empty());
}

TEST_F(AHostView, NamesTheMemoryDevice) {
    EXPECT_EQ(view().memory_device, "mem0");
    EXPECT_THAT(view().regions, IsEmpty());
}

TEST_F(AHostView, HasTheRegionsThatTheDeviceIsAPartOf) {
    add_region("region0", "decoder4.0");
    add_region("region1", "decoder5.0");
    add_region("region2", "decoder40.0");
    tree.file("bus/cxl/devices/region3/target0", "decoder5.1\n");
    tree.file("bus/cxl/devices/region3/target1", "decoder4.1\n");
    EXPECT_THAT(view().regions,
                ElementsAre(HostRegion{"region0", {}, 1, {}}, HostRegion{"region3", {}, 2, {}}));
}

TEST_F(AHostView, HasWhatTheKernelDerivedForTheRegion) {
    add_region("region0", "decoder4.0");
    add_figures("bus/cxl/devices/region0/access0");
    tree.file("bus/cxl/devices/region0/dax_region0/dax0.0/target_node", "3\n");
    EXPECT_THAT(view().regions, ElementsAre(HostRegion{"region0", 3, 1, figures}));
}

TEST_F(AHostView, TakesTheNodesFiguresWhereTheRegionHasNone) {
    add_region("region0", "decoder4.0");
    tree.file("bus/cxl/devices/region0/dax_region0/dax0.0/target_node", "3\n");
    add_figures("devices/system/node/node3/access0/initiators");
    EXPECT_THAT(view().regions, ElementsAre(HostRegion{"region0", 3, 1, figures}));
}

TEST_F(AHostView, LeavesOutWhatIsNoNumber) {
    add_region("region0", "decoder4.0");
    tree.file("bus/cxl/devices/region0/access0/read_latency", "much\n");
    tree.file("bus/cxl/devices/region0/dax_region0/dax0.0/target_node", "-1\n");
    EXPECT_THAT(view().regions, ElementsAre(HostRegion{"region0", {}, 1, {}}));
}

}  // namespace
}  // namespace doed::daemon
