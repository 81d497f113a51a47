// SPDX-License-Identifier: Apache-2.0
//
// Functions taken through VFIO, over a fake kernel: which way in is used, what a refusal says, what is left behind.
#include "pci/vfio_device.hpp"

#include "support/descriptors.hpp"
#include "support/fake_vfio_host.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
namespace doed::pci {
namespace {

using base::Errc;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Lines = std::vector<std::string>;

const Lines cdev_steps{"open iommu", "open vfio/devices/vfio0", "bind", "alloc-ioas", "attach",
                       "region-info"};
const Lines group_steps{"open vfio/vfio", "open vfio/12", "group-status",
                        "set-container",  "set-iommu",    "get-device: 0000:0d:00.0",
                        "region-info"};

class AVfioDevice : public testing::Test {
protected:
    [[nodiscard]] std::shared_ptr<VfioDevice> open_cdev() {
        host_.add_cdev();
        return opened();
    }
    [[nodiscard]] std::shared_ptr<VfioDevice> open_group() {
        host_.add_group();
        return opened();
    }
    [[nodiscard]] std::shared_ptr<VfioDevice> opened() {
        auto device = host_.open();
        EXPECT_TRUE(device.has_value()) << device.error().message();
        kernel().log.clear();
        return device.value_or(nullptr);
    }
    /// The error of an attempt that must fail, and leave nothing open.
    [[nodiscard]] base::Error refusal() {
        const int before = test::count_descriptors();
        auto device = host_.open();
        EXPECT_EQ(kernel().closed().size(), kernel().opened().size());
        EXPECT_EQ(test::count_descriptors(), before);
        return device.has_value() ? base::Error(Errc::invalid_argument, "it was opened")
                                  : device.error();
    }
    [[nodiscard]] test::FakeVfioKernel& kernel() { return host_.kernel; }

    test::FakeVfioHost host_;
};

// --- Opening ---------------------------------------------------------------------------------------------------------

TEST_F(AVfioDevice, IsOpenedByItsCharacterDeviceEvenWhenItHasAGroup) {
    host_.add_cdev();
    host_.add_group();
    const auto device = host_.open();
    ASSERT_TRUE(device.has_value()) << device.error().message();
    EXPECT_EQ((*device)->access(), "cdev");
    EXPECT_EQ(kernel().log, cdev_steps);
}

TEST_F(AVfioDevice, IsOpenedByItsGroupOnAKernelWithoutCharacterDevices) {
    host_.add_group();
    const auto device = host_.open();
    ASSERT_TRUE(device.has_value()) << device.error().message();
    EXPECT_EQ((*device)->access(), "group");
    EXPECT_EQ(kernel().log, group_steps);
}

TEST_F(AVfioDevice, IsOpenedByItsGroupWhenItsCharacterDeviceHasNoNode) {
    host_.add_cdev(false);
    host_.add_group();
    const auto device = host_.open();
    ASSERT_TRUE(device.has_value()) << device.error().message();
    EXPECT_EQ((*device)->access(), "group");
}

TEST_F(AVfioDevice, IsClosedBeforeTheIommufdItIsBoundTo) {
    auto device = open_cdev();
    EXPECT_THAT(kernel().closed(), IsEmpty());
    device.reset();
    EXPECT_THAT(kernel().closed(), ElementsAre("device", "iommufd"));
}

TEST_F(AVfioDevice, IsClosedBeforeItsGroupAndThatBeforeTheContainer) {
    auto device = open_group();
    EXPECT_THAT(kernel().closed(), IsEmpty());
    device.reset();
    EXPECT_THAT(kernel().closed(), ElementsAre("device", "group", "container"));
}

TEST_F(AVfioDevice, CanBeOpenedAgainOnceItIsClosed) {
    auto device = open_cdev();
    device.reset();
    device = opened();
    ASSERT_NE(device, nullptr);
    EXPECT_TRUE(device->read32(0).has_value());
}

// --- Refusals --------------------------------------------------------------------------------------------------------

TEST_F(AVfioDevice, WithoutAnIommuGroupIsNotSupported) {
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::not_supported);
    EXPECT_THAT(error.message(), AllOf(HasSubstr("0000:0d:00.0"), HasSubstr("no IOMMU group"),
                                       HasSubstr("switch the IOMMU on")));
    EXPECT_THAT(kernel().log, IsEmpty());
}

TEST_F(AVfioDevice, WithoutAnIommuBehindItsGroupIsRefusedBeforeAnythingIsOpened) {
    host_.add_group();
    host_.add_noiommu_node();
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::not_supported);
    EXPECT_THAT(error.message(), HasSubstr("without an IOMMU"));
    EXPECT_THAT(kernel().log, IsEmpty());
}

TEST_F(AVfioDevice, InAGroupThatIsNotViableNamesTheDevicesAndDriversInTheWay) {
    host_.add_group();
    host_.add_to_group("0000:0d:00.1", "nvme");
    host_.add_to_group("0000:0d:00.2", "e1000e");
    host_.add_to_group("0000:0d:00.3", "");
    host_.add_to_group("0000:0d:00.4", "vfio-pci");
    host_.add_to_group("0000:0c:00.0", "pcieport");
    kernel().viable = false;
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::busy);
    EXPECT_THAT(error.message(),
                AllOf(HasSubstr("IOMMU group 12"), HasSubstr("0000:0d:00.1 (nvme)"),
                      HasSubstr("0000:0d:00.2 (e1000e)"), HasSubstr("bind it to vfio-pci too")));
    EXPECT_THAT(error.message(),
                AllOf(Not(HasSubstr("00.3")), Not(HasSubstr("00.4")), Not(HasSubstr("pcieport"))));
    EXPECT_THAT(kernel().closed(), ElementsAre("group", "container"));
}

TEST_F(AVfioDevice, InAGroupThatIsNotViableForNoVisibleReasonStillSaysSo) {
    host_.add_group();
    kernel().viable = false;
    EXPECT_THAT(refusal().message(), HasSubstr("unbind one of its devices from its driver"));
}

TEST_F(AVfioDevice, ThatCannotBeBoundNamesTheDevicesAndDriversInTheWay) {
    host_.add_cdev();
    host_.add_group();
    host_.add_to_group("0000:0d:00.1", "nvme");
    kernel().fail("bind", EBUSY);
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::busy);
    EXPECT_THAT(error.message(),
                AllOf(HasSubstr("0000:0d:00.1 (nvme)"), HasSubstr("bind it to vfio-pci too")));
}

/// Linux answers a second bind of a character device with EINVAL.
TEST_F(AVfioDevice, ThatAnotherProgramHasBoundSaysThat) {
    host_.add_cdev();
    host_.add_group();
    for (const int error_number : {EBUSY, EINVAL}) {
        kernel().fail("bind", error_number);
        const auto error = refusal();
        EXPECT_EQ(error.code(), Errc::busy) << error.message();
        EXPECT_THAT(error.message(),
                    AllOf(HasSubstr("another program has the device"), HasSubstr("stop it")));
    }
}

TEST_F(AVfioDevice, WhoseInterruptsCannotBeRemappedSaysWhatMayBeMissing) {
    host_.add_group();
    kernel().fail("set-iommu", EPERM);
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::not_supported);
    EXPECT_THAT(error.message(),
                AllOf(HasSubstr("vfio_iommu_type1"), HasSubstr("interrupt remapping")));
}

TEST_F(AVfioDevice, ThatIsBeingResetByAnotherIsBusy) {
    host_.add_group();
    kernel().fail("get-device", EAGAIN);
    const auto error = refusal();
    EXPECT_EQ(error.code(), Errc::busy);
    EXPECT_THAT(error.message(), HasSubstr("try again"));
}

struct Refusal {
    const char* name;
    const char* step;
    int error_number;
    Errc code;
    const char* advice;
};

class AVfioNode : public AVfioDevice, public testing::WithParamInterface<Refusal> {};

TEST_P(AVfioNode, ThatCannotBeOpenedSaysWhatToDo) {
    const std::string step = GetParam().step;
    step == "open vfio/12" || step == "open vfio/vfio" ? host_.add_group() : host_.add_cdev();
    kernel().fail(step, GetParam().error_number);
    const auto error = refusal();
    EXPECT_EQ(error.code(), GetParam().code);
    EXPECT_THAT(error.message(), AllOf(HasSubstr("0000:0d:00.0"), HasSubstr(step.substr(5)),
                                       HasSubstr(GetParam().advice)));
}

INSTANTIATE_TEST_SUITE_P(
    Refusals, AVfioNode,
    testing::Values(
        Refusal{"GroupInUse", "open vfio/12", EBUSY, Errc::busy, "another program has the device"},
        Refusal{"GroupNotPermitted", "open vfio/12", EACCES, Errc::access_denied,
                "run as root, or give this user the node"},
        Refusal{"GroupMissing", "open vfio/12", ENOENT, Errc::not_found,
                "load vfio-pci and bind the device to it"},
        Refusal{"ContainerNotPermitted", "open vfio/vfio", EPERM, Errc::access_denied,
                "run as root"},
        Refusal{"ContainerMissing", "open vfio/vfio", ENODEV, Errc::not_found, "load vfio-pci"},
        Refusal{"CdevInUse", "open vfio/devices/vfio0", EBUSY, Errc::busy,
                "a virtual machine perhaps: stop it"},
        Refusal{"CdevNotPermitted", "open vfio/devices/vfio0", EACCES, Errc::access_denied,
                "run as root"},
        Refusal{"IommufdMissing", "open iommu", ENOENT, Errc::not_found, "load iommufd"},
        Refusal{"TooManyFiles", "open iommu", EMFILE, Errc::io, "Too many open files"}),
    [](const auto& row) { return row.param.name; });

TEST_F(AVfioDevice, LeavesNothingOpenWhicheverStepFails) {
    host_.add_cdev();
    for (const auto& step : cdev_steps) {
        kernel().fail(step, EIO);
        EXPECT_EQ(refusal().code(), Errc::io) << step;
        kernel().mend(step);
    }
}

TEST_F(AVfioDevice, LeavesNothingOpenWhicheverStepOfTheGroupFails) {
    host_.add_group();
    for (const auto& line : group_steps) {
        const std::string step = line.substr(0, line.find(':'));
        kernel().fail(step, EIO);
        EXPECT_EQ(refusal().code(), step == "set-iommu" ? Errc::not_supported : Errc::io) << step;
        kernel().mend(step);
    }
}

// --- Config space ----------------------------------------------------------------------------------------------------

TEST_F(AVfioDevice, ReachesConfigSpaceAtTheOffsetOfItsRegion) {
    kernel().config_offset = 0x1'2345'6000;
    const auto device = open_cdev();
    kernel().config(0x190) = 0x12345678;
    EXPECT_EQ(device->read32(0x190).value_or(0), 0x12345678U);
    ASSERT_TRUE(device->write32(0xFFC, 0xCAFEF00D).has_value());
    EXPECT_EQ(kernel().config(0xFFC), 0xCAFEF00DU);
    EXPECT_THAT(kernel().log, ElementsAre("read 0x190", "write 0xffc: 0xcafef00d"));
}

TEST_F(AVfioDevice, DoesNotReachBeyondItsConfigSpace) {
    kernel().config_size = 256;
    const auto device = open_group();
    EXPECT_TRUE(device->read32(0xFC).has_value());
    EXPECT_EQ(device->read32(0x100).error().code(), Errc::io);
    EXPECT_EQ(device->write32(0x100, 0).error().code(), Errc::io);
    EXPECT_THAT(kernel().log, ElementsAre("read 0xfc"));
}

TEST_F(AVfioDevice, TakesAShortAccessForAFailedOne) {
    const auto device = open_cdev();
    for (const unsigned count : {0U, 2U}) {
        kernel().short_access = count;
        EXPECT_EQ(device->read32(0x190).error().code(), Errc::io) << count;
        EXPECT_EQ(device->write32(0x198, 0).error().code(), Errc::io) << count;
    }
}

TEST_F(AVfioDevice, IsGoneWhenTheKernelSaysSo) {
    const auto device = open_cdev();
    kernel().fail("read 0x190", ENODEV);
    kernel().fail("write 0x198", ENODEV);
    EXPECT_EQ(device->read32(0x190).error().code(), Errc::device_gone);
    EXPECT_EQ(device->write32(0x198, 0).error().code(), Errc::device_gone);
}

TEST_F(AVfioDevice, NamesTheOffsetAndTheCauseOfAFailedAccess) {
    const auto device = open_cdev();
    kernel().fail("read 0x190", EIO);
    kernel().fail("write 0x198", EPERM);
    const auto read = device->read32(0x190);
    EXPECT_EQ(read.error().code(), Errc::io);
    EXPECT_THAT(read.error().message(),
                AllOf(HasSubstr("reading"), HasSubstr("0x190"), HasSubstr("Input/output error")));
    const auto written = device->write32(0x198, 0);
    EXPECT_EQ(written.error().code(), Errc::io);
    EXPECT_THAT(written.error().message(),
                AllOf(HasSubstr("writing"), HasSubstr("0x198"), HasSubstr("not permitted")));
}

TEST_F(AVfioDevice, IsUsedByItsMailboxesUntilItIsGivenBack) {
    auto device = open_cdev();
    VfioConfigSpace config(device);
    ASSERT_TRUE(config.write32(0x198, 2).has_value());
    EXPECT_EQ(config.read32(0x198).value_or(0), 2U);
    device.reset();
    EXPECT_THAT(kernel().closed(), ElementsAre("device", "iommufd"));
    EXPECT_EQ(config.read32(0x198).error().code(), Errc::device_gone);
    EXPECT_EQ(config.write32(0x198, 0).error().code(), Errc::device_gone);
    EXPECT_EQ(kernel().config(0x198), 2U);
}

}  // namespace
}  // namespace doed::pci
