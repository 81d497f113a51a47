// SPDX-License-Identifier: Apache-2.0
#include "pci/capability_walk.hpp"

#include "config_image.hpp"

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::pci {

bool operator==(const Capability& left, const Capability& right) {
    return left.id == right.id && left.version == right.version && left.offset == right.offset;
}

void PrintTo(const Capability& capability, std::ostream* out) {
    *out << "{id " << capability.id << " version " << int{capability.version} << " at "
         << capability.offset << "}";
}

namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint16_t doe = 0x2E;
constexpr std::uint16_t dvsec = 0x23;

TEST(AStandardChain, IsFollowedFromTheCapabilitiesPointer) {
    MemoryConfigSpace config(ConfigImage()
                                 .first_standard(0x80)
                                 .standard(0x80, 0x10, 0x40)
                                 .standard(0x40, 0x11, 0xFC)
                                 .standard(0xFC, 0x01, 0));
    const auto chain = walk_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities,
                ElementsAre(Capability{0x10, 0, 0x80}, Capability{0x11, 0, 0x40},
                            Capability{0x01, 0, 0xFC}));
    EXPECT_EQ(chain->defect, "");
}

TEST(AStandardChain, IsNotLookedForWhenTheStatusBitSaysThereIsNone) {
    MemoryConfigSpace config(
        ConfigImage().set(0x04, 0x0000FFFF).first_standard(0x40).standard(0x40, 0x10, 0));
    const auto chain = walk_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities, IsEmpty());
    EXPECT_EQ(chain->defect, "");
    EXPECT_THAT(config.offsets_read(), ElementsAre(0x04));
}

TEST(AStandardChain, OfAZeroPointerIsEmpty) {
    MemoryConfigSpace config(ConfigImage().set(0x34, 0xFFFFFF00));
    const auto chain = walk_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities, IsEmpty());
    EXPECT_EQ(chain->defect, "");
}

TEST(AStandardChain, EndsBeforeABadPointer) {
    struct Case {
        std::uint8_t next;
        std::string defect;
    };
    const std::vector<Case> cases{
        {0x3C, "0x40 points to 0x3c, which is below 0x40"},
        {0x04, "0x40 points to 0x4, which is below 0x40"},
        {0x43, "0x40 points to 0x40 again: the chain is a loop"},
        {0x40, "0x40 points to 0x40 again: the chain is a loop"},
    };
    for (const auto& [next, defect] : cases) {
        SCOPED_TRACE(defect);
        MemoryConfigSpace config(ConfigImage().first_standard(0x40).standard(0x40, 0x10, next));
        const auto chain = walk_capabilities(config);
        ASSERT_TRUE(chain);
        EXPECT_THAT(chain->capabilities, ElementsAre(Capability{0x10, 0, 0x40}));
        EXPECT_EQ(chain->defect, defect);
        EXPECT_THAT(config.offsets_read(), ElementsAre(0x04, 0x34, 0x40))
            << "a bad pointer was followed";
    }
}

TEST(AStandardChain, WithABadFirstPointerIsEmptyAndSaysSo) {
    for (const std::uint8_t first : std::vector<std::uint8_t>{0x04, 0x3C, 0x3F}) {
        MemoryConfigSpace config(ConfigImage().first_standard(first));
        const auto chain = walk_capabilities(config);
        ASSERT_TRUE(chain);
        EXPECT_THAT(chain->capabilities, IsEmpty());
        EXPECT_THAT(chain->defect, HasSubstr("0x34 points to"));
    }
}

TEST(AStandardChain, ThatFillsItsSpaceIsListedWhole) {
    ConfigImage image;
    image.first_standard(0x40);
    for (unsigned offset = 0x40; offset < 0x100; offset += 4) {
        const unsigned next = offset + 4 < 0x100 ? offset + 4 : 0;
        image.standard(static_cast<std::uint8_t>(offset), 0x09, static_cast<std::uint8_t>(next));
    }
    MemoryConfigSpace config(image);
    const auto chain = walk_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->capabilities.size(), 48U);
    EXPECT_EQ(chain->defect, "");
}

TEST(AnExtendedChain, IsFollowedFrom0x100InChainOrder) {
    MemoryConfigSpace config(ConfigImage()
                                 .extended(0x100, 0x01, 2, 0xFF0)
                                 .extended(0xFF0, dvsec, 1, 0x190)
                                 .extended(0x190, doe, 1, 0));
    const auto chain = walk_extended_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities,
                ElementsAre(Capability{0x01, 2, 0x100}, Capability{dvsec, 1, 0xFF0},
                            Capability{doe, 1, 0x190}));
    EXPECT_EQ(chain->defect, "");
}

TEST(AnExtendedChain, OfAZeroHeaderIsEmptyAndCostsOneRead) {
    MemoryConfigSpace config{ConfigImage()};
    const auto chain = walk_extended_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities, IsEmpty());
    EXPECT_EQ(chain->defect, "");
    EXPECT_THAT(config.offsets_read(), ElementsAre(0x100));
}

TEST(AnExtendedChain, GoesOnAfterANullCapability) {
    MemoryConfigSpace config(ConfigImage().extended(0x100, 0, 0, 0x200).extended(0x200, doe, 2, 0));
    const auto chain = walk_extended_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities,
                ElementsAre(Capability{0, 0, 0x100}, Capability{doe, 2, 0x200}));
}

TEST(AnExtendedChain, IgnoresTheReservedBitsOfAPointer) {
    MemoryConfigSpace config(
        ConfigImage().extended(0x100, dvsec, 1, 0x203).extended(0x200, doe, 2, 0));
    const auto chain = walk_extended_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->defect, "");
    EXPECT_THAT(chain->capabilities,
                ElementsAre(Capability{dvsec, 1, 0x100}, Capability{doe, 2, 0x200}));
}

TEST(AnExtendedChain, EndsBeforeABadPointer) {
    struct Case {
        std::uint16_t next;
        std::string defect;
    };
    const std::vector<Case> cases{
        {0x004, "0x100 points to 0x4, which is below 0x100"},
        {0x0FC, "0x100 points to 0xfc, which is below 0x100"},
        {0x103, "0x100 points to 0x100 again: the chain is a loop"},
    };
    for (const auto& [next, defect] : cases) {
        SCOPED_TRACE(defect);
        MemoryConfigSpace config(ConfigImage().extended(0x100, dvsec, 1, next));
        const auto chain = walk_extended_capabilities(config);
        ASSERT_TRUE(chain);
        EXPECT_THAT(chain->capabilities, ElementsAre(Capability{dvsec, 1, 0x100}));
        EXPECT_EQ(chain->defect, defect);
        EXPECT_THAT(config.offsets_read(), ElementsAre(0x100)) << "a bad pointer was followed";
    }
}

TEST(AnExtendedChainThatLoops, EndsAtTheFirstRepeatedOffset) {
    MemoryConfigSpace config(ConfigImage()
                                 .extended(0x100, dvsec, 1, 0x190)
                                 .extended(0x190, doe, 1, 0x200)
                                 .extended(0x200, dvsec, 1, 0x190));
    const auto chain = walk_extended_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities,
                ElementsAre(Capability{dvsec, 1, 0x100}, Capability{doe, 1, 0x190},
                            Capability{dvsec, 1, 0x200}));
    EXPECT_EQ(chain->defect, "0x200 points to 0x190 again: the chain is a loop");
    EXPECT_THAT(config.offsets_read(), ElementsAre(0x100, 0x190, 0x200));
}

TEST(AnExtendedChainThatLoops, MayPointToItself) {
    MemoryConfigSpace config(ConfigImage().extended(0x100, doe, 1, 0x100));
    const auto chain = walk_extended_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities, ElementsAre(Capability{doe, 1, 0x100}));
    EXPECT_EQ(chain->defect, "0x100 points to 0x100 again: the chain is a loop");
}

TEST(AllOnesInTheMiddleOfAChain, EndItWithADefectWhenTheFunctionStillAnswers) {
    MemoryConfigSpace config(ConfigImage().extended(0x100, doe, 1, 0x190).set(0x190, all_ones));
    const auto chain = walk_extended_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities, ElementsAre(Capability{doe, 1, 0x100}));
    EXPECT_EQ(chain->defect, "0x190 reads all ones");
}

TEST(AllOnesInTheMiddleOfAChain, MeanTheDeviceIsGoneWhenNothingElseAnswersEither) {
    MemoryConfigSpace config(ConfigImage::filled_with(all_ones).extended(0x100, doe, 1, 0x190));
    const auto chain = walk_extended_capabilities(config);
    ASSERT_FALSE(chain);
    EXPECT_EQ(chain.error().code(), base::Errc::device_gone);
}

TEST(AllOnesInTheMiddleOfAChain, EndAStandardChainToo) {
    MemoryConfigSpace config(
        ConfigImage().first_standard(0x40).standard(0x40, 0x10, 0x50).set(0x50, all_ones));
    const auto chain = walk_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities, ElementsAre(Capability{0x10, 0, 0x40}));
    EXPECT_EQ(chain->defect, "0x50 reads all ones");
}

TEST(AllOnesAt0x100, MeanNoExtendedSpaceWhenTheFunctionAnswers) {
    MemoryConfigSpace config(ConfigImage().set(0x100, all_ones));
    const auto chain = walk_extended_capabilities(config);
    ASSERT_TRUE(chain);
    EXPECT_THAT(chain->capabilities, IsEmpty());
    EXPECT_EQ(chain->defect, "");
    EXPECT_TRUE(chain->unanswered);
}

TEST(AllOnesAt0x100, AreToldFromAGoneDeviceEvenInAVirtualFunction) {
    MemoryConfigSpace config(ConfigImage().set(0x00, all_ones).set(0x100, all_ones));
    EXPECT_TRUE(walk_extended_capabilities(config)) << "a virtual function's Vendor ID reads FFFFh";
}

TEST(AFunctionThatReadsAllOnes, IsGoneForBothWalks) {
    MemoryConfigSpace config(ConfigImage::filled_with(all_ones));
    const auto standard = walk_capabilities(config);
    ASSERT_FALSE(standard);
    EXPECT_EQ(standard.error().code(), base::Errc::device_gone);
    const auto extended = walk_extended_capabilities(config);
    ASSERT_FALSE(extended);
    EXPECT_EQ(extended.error().code(), base::Errc::device_gone);
}

TEST(AFailingRead, EndsAWalkWithItsError) {
    const ConfigImage image = ConfigImage()
                                  .first_standard(0x40)
                                  .standard(0x40, 0x10, 0x50)
                                  .extended(0x100, dvsec, 1, 0x190)
                                  .set(0x190, all_ones);
    for (const std::uint16_t offset : std::vector<std::uint16_t>{0x04, 0x34, 0x40, 0x50}) {
        SCOPED_TRACE(offset);
        MemoryConfigSpace config(image);
        config.fail_at(offset, base::Errc::lockdown);
        const auto chain = walk_capabilities(config);
        ASSERT_FALSE(chain);
        EXPECT_EQ(chain.error().code(), base::Errc::lockdown);
    }
    for (const std::uint16_t offset : std::vector<std::uint16_t>{0x100, 0x190, 0x04}) {
        SCOPED_TRACE(offset);
        MemoryConfigSpace config(image);
        config.fail_at(offset, base::Errc::lockdown);
        const auto chain = walk_extended_capabilities(config);
        ASSERT_FALSE(chain);
        EXPECT_EQ(chain.error().code(), base::Errc::lockdown);
    }
}

TEST(AnyGarbage, IsWalkedWithoutLeavingConfigSpaceOrReadingTwice) {
    std::mt19937 random(20240613);
    // Most pointers of random words are misaligned; every other round has aligned ones only, and so longer chains.
    for (int round = 0; round < 2000; ++round) {
        ConfigImage image;
        image.set(0x34, static_cast<std::uint32_t>(random()));
        for (unsigned offset = 0x40; offset < config_space_size_bytes; offset += 4) {
            const auto word = static_cast<std::uint32_t>(random());
            image.set(static_cast<std::uint16_t>(offset),
                      round % 2 == 0 ? word : word & 0xFFCFFCFFU);
        }
        MemoryConfigSpace config(image);
        ASSERT_TRUE(walk_extended_capabilities(config));
        ASSERT_TRUE(walk_capabilities(config));

        auto offsets = config.offsets_read();
        ASSERT_THAT(offsets, Each(testing::Truly([](std::uint16_t offset) {
                        return offset % 4 == 0 && offset < config_space_size_bytes;
                    })));
        std::ranges::sort(offsets);
        ASSERT_EQ(std::ranges::adjacent_find(offsets), offsets.end()) << "round " << round;
    }
}

TEST(TheDoeCapabilitiesOfAChain, ComeByAscendingOffsetWithTheirVersions) {
    const CapabilityChain chain{
        {{doe, 2, 0x400}, {dvsec, 1, 0x100}, {doe, 1, 0x190}, {doe, 3, 0xFE8}}, {}};
    EXPECT_THAT(
        doe_capabilities(chain),
        ElementsAre(DoeCapability{0x190, 1}, DoeCapability{0x400, 2}, DoeCapability{0xFE8, 3}));
}

TEST(TheDoeCapabilitiesOfAChain, LeaveOutThoseWhoseRegistersDoNotFit) {
    for (const std::uint16_t offset : std::vector<std::uint16_t>{0xFEC, 0xFF0, 0xFFC}) {
        const CapabilityChain chain{{{doe, 1, offset}}, {}};
        EXPECT_THAT(doe_capabilities(chain), IsEmpty()) << offset;
    }
}

TEST(TheDoeCapabilitiesOfAChain, AreThoseBeforeItsDefect) {
    const CapabilityChain chain{{{doe, 1, 0x100}},
                                "0x100 points to 0x100 again: the chain is a loop"};
    EXPECT_THAT(doe_capabilities(chain), ElementsAre(DoeCapability{0x100, 1}));
}

}  // namespace
}  // namespace doed::pci
