// SPDX-License-Identifier: Apache-2.0
#include "emulator/config_image.hpp"

#include "emulator/capabilities.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

constexpr FunctionIdentity identity{.vendor_id = 0x8086,
                                    .device_id = 0x0D93,
                                    .subsystem_vendor_id = 0x1AF4,
                                    .subsystem_id = 0x1100,
                                    .class_code = 0x050210};

constexpr std::uint16_t doe_id = 0x2E;

std::uint16_t capability_pointer(const ConfigImage& image) {
    return image.read32(0x34) & 0xFF;
}
std::uint16_t next_standard(const ConfigImage& image, std::uint16_t offset) {
    return image.read32(offset) >> 8 & 0xFF;
}

TEST(AConfigImage, SaysWhoItIs) {
    const ConfigImage image(identity, HeaderType::endpoint);
    EXPECT_EQ(image.read32(0x00), 0x0D938086U);
    EXPECT_EQ(image.read32(0x08) >> 8, 0x050210U);
    EXPECT_EQ(image.read32(0x0C) >> 16, 0U) << "header type 0";
    EXPECT_EQ(image.read32(0x2C), 0x11001AF4U);
}

TEST(AConfigImage, OfABridgeHasHeaderTypeOneAndNoSubsystem) {
    const ConfigImage image(identity, HeaderType::bridge);
    EXPECT_EQ(image.read32(0x0C) >> 16, 1U);
    EXPECT_EQ(image.read32(0x2C), 0U);
}

TEST(AConfigImage, KeepsOnlyTheBitsThatCanBeWritten) {
    ConfigImage image(identity, HeaderType::endpoint);
    image.write32(0x00, 0xFFFFFFFF);
    EXPECT_EQ(image.read32(0x00), 0x0D938086U);
    image.write32(0x04, 0xFFFFFFFF);
    EXPECT_EQ(image.read32(0x04), 0x0546U) << "Memory, Bus Master, Parity, SERR#, INTx Disable";
    image.write32(0x04, 0);
    EXPECT_EQ(image.read32(0x04), 0U);
    image.write32(0x18, 0xFFFFFFFF);
    EXPECT_EQ(image.read32(0x18), 0U) << "no BAR 2";
}

TEST(AConfigImage, OfABridgeKeepsItsBusNumbers) {
    ConfigImage image(identity, HeaderType::bridge);
    image.write32(0x18, 0xFFFFFFFF);
    EXPECT_EQ(image.read32(0x18), 0x00FFFFFFU);
}

TEST(AConfigImage, HasNoCapabilityListUntilThereIsACapability) {
    ConfigImage image(identity, HeaderType::endpoint);
    EXPECT_EQ(image.read32(0x04) >> 16 & 0x10, 0U);
    EXPECT_EQ(capability_pointer(image), 0U);
    EXPECT_EQ(image.read32(0x100), 0U);
}

TEST(AConfigImage, LinksItsCapabilitiesInTheOrderTheyCame) {
    ConfigImage image(identity, HeaderType::endpoint);
    add_msix(image, 2);
    add_pcie_capability(image, HeaderType::endpoint);
    EXPECT_EQ(image.read32(0x04) >> 16 & 0x10, 0x10U) << "Capabilities List";
    const std::uint16_t first = capability_pointer(image);
    EXPECT_EQ(image.read32(first) & 0xFF, 0x11U) << "MSI-X";
    const std::uint16_t second = next_standard(image, first);
    EXPECT_EQ(image.read32(second) & 0xFF, 0x10U) << "PCI Express";
    EXPECT_EQ(next_standard(image, second), 0U);
}

TEST(AConfigImage, SizesItsBarForTheMsixTable) {
    ConfigImage image(identity, HeaderType::endpoint);
    add_msix(image, 2);
    image.write32(0x10, 0xFFFFFFFF);
    image.write32(0x14, 0xFFFFFFFF);
    EXPECT_EQ(image.read32(0x10), 0xFFFF0004U) << "64 KiB, 64-bit";
    EXPECT_EQ(image.read32(0x14), 0xFFFFFFFFU);
}

TEST(AConfigImage, CountsMsixVectorsFromZeroAndLetsThemBeEnabled) {
    ConfigImage image(identity, HeaderType::endpoint);
    add_msix(image, 3);
    const std::uint16_t msix = capability_pointer(image);
    EXPECT_EQ(image.read32(msix) >> 16, 2U);
    image.write32(msix, 0xFFFFFFFF);
    EXPECT_EQ(image.read32(msix) >> 16, 0xC002U);
}

TEST(AConfigImage, RoundsMsiVectorsUpToAPowerOfTwo) {
    for (const auto& [vectors, log2] : {std::pair{1, 0}, {2, 1}, {3, 2}, {32, 5}}) {
        ConfigImage image(identity, HeaderType::bridge);
        add_msi(image, static_cast<std::uint16_t>(vectors));
        const std::uint32_t control = image.read32(capability_pointer(image)) >> 16;
        EXPECT_EQ(control, 0x80U | static_cast<unsigned>(log2) << 1) << vectors;
    }
}

TEST(AConfigImage, TellsEndpointAndUpstreamPortApart) {
    for (const auto& [header, port_type] :
         {std::pair{HeaderType::endpoint, 0x0U}, {HeaderType::bridge, 0x5U}}) {
        ConfigImage image(identity, header);
        add_pcie_capability(image, header);
        EXPECT_EQ(image.read32(capability_pointer(image)) >> 20 & 0xF, port_type);
    }
}

TEST(AConfigImage, LinksExtendedCapabilitiesByOffset) {
    ConfigImage image(identity, HeaderType::endpoint);
    EXPECT_TRUE(image.add_extended_capability({doe_id, 2, 0x190, 24}));
    EXPECT_TRUE(image.add_extended_capability({0x01, 2, 0x100, 0x48}));
    EXPECT_TRUE(image.add_extended_capability({0x03, 1, 0x150, 12}));
    EXPECT_EQ(image.read32(0x100), 0x15020001U);
    EXPECT_EQ(image.read32(0x150), 0x19010003U);
    EXPECT_EQ(image.read32(0x190), 0x0002002EU) << "the last points nowhere";
}

TEST(AConfigImage, StartsItsExtendedChainWithANullCapabilityWhenNothingIsAt0x100) {
    ConfigImage image(identity, HeaderType::endpoint);
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0x108, 24}));
    EXPECT_EQ(image.read32(0x100), 0x10800000U);
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0x120, 24}));
    EXPECT_EQ(image.read32(0x100), 0x10800000U);
    EXPECT_EQ(image.read32(0x108), 0x1201002EU);
}

TEST(AConfigImage, RefusesExtendedCapabilitiesThatOverlapOrLeaveItsSpace) {
    ConfigImage image(identity, HeaderType::endpoint);
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0x190, 24}));
    EXPECT_FALSE(image.add_extended_capability({doe_id, 1, 0x190, 24}));
    EXPECT_FALSE(image.add_extended_capability({doe_id, 1, 0x17C, 24}));
    EXPECT_FALSE(image.add_extended_capability({doe_id, 1, 0x1A4, 24}));
    EXPECT_FALSE(image.add_extended_capability({doe_id, 1, 0xFC, 24}));
    EXPECT_FALSE(image.add_extended_capability({doe_id, 1, 0xFEC, 24}));
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0x178, 24}));
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0x1A8, 24}));
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0xFE8, 24}));
}

TEST(AConfigImage, FindsTheLowestRoomForAnExtendedCapability) {
    ConfigImage image(identity, HeaderType::endpoint);
    EXPECT_EQ(image.find_extended_room(24), 0x100);
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0x110, 24}));
    EXPECT_EQ(image.find_extended_room(0x10), 0x100);
    EXPECT_EQ(image.find_extended_room(0x14), 0x128);
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0x128, 0x1000 - 0x128}));
    EXPECT_EQ(image.find_extended_room(0x14), std::nullopt);
}

TEST(AConfigImage, LeavesOutACapabilityThatHasNoRoom) {
    ConfigImage image(identity, HeaderType::endpoint);
    EXPECT_TRUE(image.add_extended_capability({doe_id, 1, 0x110, 0x1000 - 0x110}));
    add_error_reporting(image);
    EXPECT_EQ(image.read32(0x100), 0x11000000U);
    add_serial_number(image, 0x0123456789ABCDEF);
    EXPECT_EQ(image.read32(0x100), 0x11010003U) << "this one has";
    EXPECT_EQ(image.read32(0x104), 0x89ABCDEFU);
    EXPECT_EQ(image.read32(0x108), 0x01234567U);
}

TEST(AConfigImage, DescribesACxlMemoryDevice) {
    ConfigImage image(identity, HeaderType::endpoint);
    add_cxl_memory_device(image, (3ULL << 32) + (1ULL << 29));
    EXPECT_EQ(image.read32(0x100) & 0xFFFF, 0x23U) << "DVSEC";
    EXPECT_EQ(image.read32(0x104), 0x03C31E98U) << "60 bytes, revision 3, CXL";
    EXPECT_EQ(image.read32(0x108), 0x00160000U) << "device: one range, CXL.mem, CXL.io";
    EXPECT_EQ(image.read32(0x118), 3U);
    EXPECT_EQ(image.read32(0x11C), 0x20000003U);
    EXPECT_EQ(image.read32(0x144) & 0xFFFF, 7U) << "flex bus port";
    EXPECT_EQ(image.read32(0x164) & 0xFFFF, 8U) << "register locator";
}

TEST(AConfigImage, DescribesACxlPort) {
    ConfigImage image(identity, HeaderType::bridge);
    add_cxl_port(image);
    EXPECT_EQ(image.read32(0x108) & 0xFFFF, 3U) << "port extensions";
    EXPECT_EQ(image.read32(0x130) & 0xFFFF, 7U) << "flex bus port";
    EXPECT_EQ(image.read32(0x150) & 0xFFFF, 8U) << "register locator";
}

TEST(AConfigImageDeathTest, TakesNoMisalignedOffset) {
    ConfigImage image(identity, HeaderType::endpoint);
    EXPECT_DEATH(static_cast<void>(image.read32(0x102)), "broken assertion");
    EXPECT_DEATH(image.write32(0x1000, 0), "broken assertion");
}

}  // namespace
}  // namespace doed::emulator
