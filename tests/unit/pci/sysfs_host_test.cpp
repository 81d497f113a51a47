// SPDX-License-Identifier: Apache-2.0
#include "pci/sysfs_host.hpp"

#include "config_image.hpp"
#include "fake_sysfs.hpp"
#include "pci/direct_opener.hpp"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::pci {
namespace {

using base::Errc;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr std::uint16_t doe = 0x2E;

/// Config space with one DOE mailbox at 0x190.
std::vector<std::uint8_t> with_mailbox() {
    return ConfigImage().extended(0x100, 0x23, 1, 0x190).extended(0x190, doe, 1, 0).bytes();
}

std::vector<std::uint8_t> without_mailbox() {
    return ConfigImage().extended(0x100, 0x01, 2, 0).bytes();
}

class ASysfsHost : public testing::Test {
protected:
    std::vector<DeviceInfo> scan() {
        problems_.clear();
        auto devices = host_.scan(problems_);
        EXPECT_TRUE(devices);
        return devices ? std::move(*devices) : std::vector<DeviceInfo>{};
    }

    /// The addresses of the functions that a scan finds.
    std::vector<std::string> scanned_names() {
        std::vector<std::string> names;
        for (const DeviceInfo& device : scan()) {
            names.push_back(device.address.to_string());
        }
        return names;
    }

    [[nodiscard]] std::vector<std::string> problem_messages() const {
        std::vector<std::string> messages;
        for (const base::Error& problem : problems_) {
            messages.push_back(problem.message());
        }
        return messages;
    }

    FakeSysfs sysfs_;
    DirectOpener opener_{{.sysfs_root = sysfs_.root()}};
    SysfsHost host_{sysfs_.root(), opener_};
    std::vector<base::Error> problems_;
};

TEST_F(ASysfsHost, NamesItsBackend) {
    EXPECT_EQ(host_.backend(), "sysfs");
}

TEST_F(ASysfsHost, TellsEverythingOfAFunctionWithMailboxes) {
    sysfs_.add("0000:0d:00.0", ConfigImage()
                                   .extended(0x100, doe, 2, 0x400)
                                   .extended(0x400, doe, 1, 0x190)
                                   .extended(0x190, 0x23, 1, 0)
                                   .bytes());
    sysfs_.set("0000:0d:00.0", "numa_node", "1\n");
    sysfs_.link("0000:0d:00.0", "driver", "../../../bus/pci/drivers/cxl_pci");
    sysfs_.link("0000:0d:00.0", "iommu_group", "../../../kernel/iommu_groups/17");

    const auto devices = scan();
    ASSERT_THAT(devices, SizeIs(1));
    const DeviceInfo& device = devices[0];
    EXPECT_EQ(device.address.to_string(), "0000:0d:00.0");
    EXPECT_EQ(device.vendor_id, 0x8086);
    EXPECT_EQ(device.device_id, 0x0D93);
    EXPECT_EQ(device.subsystem_vendor_id, 0x1AF4);
    EXPECT_EQ(device.subsystem_id, 0x1100);
    EXPECT_EQ(device.class_code, 0x050210U);
    EXPECT_EQ(device.driver, "cxl_pci");
    EXPECT_EQ(device.numa_node, 1);
    EXPECT_EQ(device.iommu_group, 17U);
    EXPECT_THAT(device.mailboxes, ElementsAre(DoeCapability{0x100, 2}, DoeCapability{0x400, 1}));
    EXPECT_THAT(problem_messages(), IsEmpty());
}

TEST_F(ASysfsHost, TakesDefaultsForWhatAFunctionDoesNotHave) {
    sysfs_.add("0000:0c:00.0", with_mailbox());
    for (const char* const attribute : {"subsystem_vendor", "subsystem_device", "numa_node"}) {
        sysfs_.remove("0000:0c:00.0", attribute);
    }
    const auto devices = scan();
    ASSERT_THAT(devices, SizeIs(1));
    EXPECT_EQ(devices[0].subsystem_vendor_id, 0);
    EXPECT_EQ(devices[0].subsystem_id, 0);
    EXPECT_EQ(devices[0].driver, "");
    EXPECT_EQ(devices[0].numa_node, -1);
    EXPECT_EQ(devices[0].iommu_group, std::nullopt);
    EXPECT_THAT(problem_messages(), IsEmpty());
}

TEST_F(ASysfsHost, ListsFunctionsByAscendingAddress) {
    for (const char* const name :
         {"10000:01:00.0", "0000:0d:00.1", "0000:ff:00.0", "0000:0d:00.0", "0001:00:00.0"}) {
        sysfs_.add(name, with_mailbox());
    }
    EXPECT_THAT(scanned_names(), ElementsAre("0000:0d:00.0", "0000:0d:00.1", "0000:ff:00.0",
                                             "0001:00:00.0", "10000:01:00.0"));
}

TEST_F(ASysfsHost, LeavesOutFunctionsWithoutMailboxesInSilence) {
    sysfs_.add("0000:00:00.0", without_mailbox());
    sysfs_.add("0000:00:01.0", ConfigImage().bytes());
    sysfs_.add("0000:00:1f.0", ConfigImage().bytes(256));
    EXPECT_THAT(scan(), IsEmpty());
    EXPECT_THAT(problem_messages(), IsEmpty());
}

TEST_F(ASysfsHost, IgnoresTheStandardChain) {
    sysfs_.add("0000:00:00.0", ConfigImage().first_standard(0x40).standard(0x40, doe, 0).bytes());
    EXPECT_THAT(scan(), IsEmpty());
}

TEST_F(ASysfsHost, ReadsNothingButConfigSpaceOfFunctionsWithoutMailboxes) {
    // Without attributes a function is a problem as soon as one is looked for. So many, as a big host is to stay cheap.
    std::vector<std::string> names;
    for (unsigned i = 0; i < 10000; ++i) {
        names.push_back(Address{0, static_cast<std::uint8_t>(i >> 8),
                                static_cast<std::uint8_t>((i >> 3) % 32),
                                static_cast<std::uint8_t>(i % 8)}
                            .to_string());
    }
    sysfs_.add_bare(names, without_mailbox());
    sysfs_.add("0001:00:00.0", with_mailbox());
    EXPECT_THAT(scanned_names(), ElementsAre("0001:00:00.0"));
    EXPECT_THAT(problem_messages(), IsEmpty());
}

TEST_F(ASysfsHost, OfNoFunctionsIsEmpty) {
    EXPECT_THAT(scan(), IsEmpty());
    EXPECT_THAT(problem_messages(), IsEmpty());
}

TEST_F(ASysfsHost, WithoutAPciBusIsNotFoundByItsPath) {
    const TemporaryDirectory empty;
    const auto devices = SysfsHost(empty.path(), opener_).scan(problems_);
    ASSERT_FALSE(devices);
    EXPECT_EQ(devices.error().code(), Errc::not_found);
    EXPECT_THAT(devices.error().context(),
                StartsWith(empty.path().string() + "/bus/pci/devices: "));
}

TEST_F(ASysfsHost, SaysOnceThatRootIsNeededWhenConfigSpaceIsCutOff) {
    sysfs_.add("0000:0c:00.0", ConfigImage().bytes(64));
    sysfs_.add("0000:0d:00.0", ConfigImage().bytes(64));
    sysfs_.add("0000:0e:00.0", ConfigImage().bytes(128));
    EXPECT_THAT(scan(), IsEmpty());
    ASSERT_THAT(problems_, SizeIs(1));
    EXPECT_EQ(problems_[0].code(), Errc::access_denied);
    EXPECT_THAT(problems_[0].context(), HasSubstr("3 (run as root"));
}

TEST_F(ASysfsHost, LeavesOutAFunctionThatVanishedBeforeItWasLookedAt) {
    sysfs_.add("0000:0d:00.0", with_mailbox());
    sysfs_.list("0000:0c:00.0");
    sysfs_.add("0000:0e:00.0", with_mailbox());
    EXPECT_THAT(scanned_names(), ElementsAre("0000:0d:00.0", "0000:0e:00.0"));
    ASSERT_THAT(problems_, SizeIs(1));
    EXPECT_EQ(problems_[0].code(), Errc::device_gone);
    EXPECT_THAT(problems_[0].context(), StartsWith("0000:0c:00.0: "));
}

TEST_F(ASysfsHost, LeavesOutAFunctionThatVanishedWhileItWasLookedAt) {
    for (const char* const missing : {"vendor", "device", "class"}) {
        SCOPED_TRACE(missing);
        const FakeSysfs sysfs;
        sysfs.add("0000:0c:00.0", with_mailbox());
        sysfs.remove("0000:0c:00.0", missing);
        sysfs.add("0000:0d:00.0", with_mailbox());
        problems_.clear();
        DirectOpener opener({.sysfs_root = sysfs.root()});
        const auto devices = SysfsHost(sysfs.root(), opener).scan(problems_);
        ASSERT_TRUE(devices);
        ASSERT_THAT(*devices, SizeIs(1));
        EXPECT_EQ(devices->front().address.to_string(), "0000:0d:00.0");
        ASSERT_THAT(problems_, SizeIs(1));
        EXPECT_EQ(problems_[0].code(), Errc::device_gone);
        EXPECT_THAT(problems_[0].context(), StartsWith("0000:0c:00.0: "));
    }
}

TEST_F(ASysfsHost, LeavesOutAFunctionThatNoLongerAnswers) {
    sysfs_.add("0000:0c:00.0", ConfigImage::filled_with(all_ones).bytes());
    sysfs_.add("0000:0d:00.0", with_mailbox());
    EXPECT_THAT(scanned_names(), ElementsAre("0000:0d:00.0"));
    ASSERT_THAT(problems_, SizeIs(1));
    EXPECT_EQ(problems_[0].code(), Errc::device_gone);
    EXPECT_THAT(problems_[0].context(), StartsWith("0000:0c:00.0: "));
}

TEST_F(ASysfsHost, LeavesOutAFunctionWhoseAttributesMakeNoSense) {
    struct Case {
        std::string attribute;
        std::string text;
    };
    const std::vector<Case> cases{
        {"vendor", "0x18086\n"},
        {"class", "\n"},
        {"subsystem_vendor", "x"},
        {"numa_node", "-"},
    };
    for (const auto& [attribute, text] : cases) {
        SCOPED_TRACE(attribute);
        const FakeSysfs sysfs;
        sysfs.add("0000:0c:00.0", with_mailbox());
        sysfs.set("0000:0c:00.0", attribute, text);
        problems_.clear();
        DirectOpener opener({.sysfs_root = sysfs.root()});
        const auto devices = SysfsHost(sysfs.root(), opener).scan(problems_);
        ASSERT_TRUE(devices);
        EXPECT_THAT(*devices, IsEmpty());
        ASSERT_THAT(problems_, SizeIs(1));
        EXPECT_EQ(problems_[0].code(), Errc::invalid_argument);
        EXPECT_THAT(problems_[0].context(), HasSubstr(attribute));
    }
}

TEST_F(ASysfsHost, LeavesOutAFunctionWhoseIommuGroupIsNoNumber) {
    sysfs_.add("0000:0c:00.0", with_mailbox());
    sysfs_.link("0000:0c:00.0", "iommu_group", "../../../kernel/iommu_groups/main");
    EXPECT_THAT(scan(), IsEmpty());
    ASSERT_THAT(problems_, SizeIs(1));
    EXPECT_EQ(problems_[0].code(), Errc::invalid_argument);
    EXPECT_THAT(problems_[0].context(), HasSubstr("\"main\" is not a number"));
}

TEST_F(ASysfsHost, ReportsConfigSpaceThatCannotBeReadAtAll) {
    sysfs_.add("0000:0c:00.0", {});
    sysfs_.add("0000:0d:00.0", with_mailbox());
    EXPECT_THAT(scanned_names(), ElementsAre("0000:0d:00.0"));
    ASSERT_THAT(problems_, SizeIs(1));
    EXPECT_EQ(problems_[0].code(), Errc::io);
    EXPECT_THAT(problems_[0].context(), StartsWith("0000:0c:00.0: "));
}

TEST_F(ASysfsHost, ReportsConfigSpaceThatEndsInTheMiddleOfTheChain) {
    const auto config = with_mailbox();
    sysfs_.add("0000:0c:00.0", std::span(config).first(0x190));
    EXPECT_THAT(scan(), IsEmpty());
    ASSERT_THAT(problems_, SizeIs(1));
    EXPECT_EQ(problems_[0].code(), Errc::io);
    EXPECT_THAT(problems_[0].context(), HasSubstr("at 0x190"));
}

TEST_F(ASysfsHost, ServesTheMailboxesBeforeADefectOfTheChainAndReportsIt) {
    sysfs_.add(
        "0000:0c:00.0",
        ConfigImage().extended(0x100, doe, 1, 0x190).extended(0x190, 0x23, 1, 0x100).bytes());
    EXPECT_THAT(scanned_names(), ElementsAre("0000:0c:00.0"));
    EXPECT_THAT(problem_messages(), ElementsAre("0000:0c:00.0: extended capability at 0x190 points "
                                                "to 0x100 again: the chain is a loop: " +
                                                std::string(base::describe(Errc::malformed))));
}

TEST_F(ASysfsHost, ReportsEntriesThatAreNoFunctions) {
    sysfs_.list("0d:00.0");
    sysfs_.list("0000:0D:00.0");
    sysfs_.list("README");
    sysfs_.add("0000:0d:00.0", with_mailbox());
    EXPECT_THAT(scanned_names(), ElementsAre("0000:0d:00.0"));
    ASSERT_THAT(problems_, SizeIs(3));
    for (const base::Error& problem : problems_) {
        EXPECT_EQ(problem.code(), Errc::invalid_argument);
    }
}

// --- Scanned again -------------------------------------------------------------------------------------------------------------

TEST_F(ASysfsHost, OpensNoConfigSpaceOfFunctionsItKnows) {
    const std::vector<std::string> names{"0000:00:00.0", "0000:00:01.0", "0000:00:1f.0",
                                         "0000:0d:00.0"};
    sysfs_.add(names[0], without_mailbox());
    sysfs_.add(names[1], ConfigImage().bytes());
    sysfs_.add(names[2], ConfigImage().bytes(256));
    sysfs_.add(names[3], with_mailbox());
    const auto before = scan();
    ASSERT_THAT(before, SizeIs(1));
    for (const auto& name : names) {
        sysfs_.remove(name, "config");
    }
    const auto after = scan();
    ASSERT_THAT(after, SizeIs(1));
    EXPECT_TRUE(same_function(before[0], after[0]));
    EXPECT_THAT(after[0].mailboxes, ElementsAre(DoeCapability{0x190, 1}));
    EXPECT_THAT(problem_messages(), IsEmpty());
}

TEST_F(ASysfsHost, ReadsTheAttributesOfFunctionsItKnows) {
    sysfs_.add("0000:0d:00.0", with_mailbox());
    ASSERT_THAT(scan(), SizeIs(1));
    sysfs_.link("0000:0d:00.0", "driver", "../../../bus/pci/drivers/vfio-pci");
    const auto devices = scan();
    ASSERT_THAT(devices, SizeIs(1));
    EXPECT_EQ(devices[0].driver, "vfio-pci");
}

TEST_F(ASysfsHost, WalksAFunctionThatCameToThePlaceOfAnother) {
    sysfs_.add("0000:0d:00.0", with_mailbox());
    sysfs_.add("0000:0e:00.0", without_mailbox());
    const auto before = scan();
    ASSERT_THAT(before, SizeIs(1));
    for (const char* const name : {"0000:0d:00.0", "0000:0e:00.0"}) {
        sysfs_.take_out(name);
        sysfs_.add(name, ConfigImage().extended(0x100, doe, 2, 0).bytes());
    }
    const auto after = scan();
    ASSERT_THAT(after, SizeIs(2));
    EXPECT_THAT(after[0].mailboxes, ElementsAre(DoeCapability{0x100, 2}));
    EXPECT_THAT(after[1].mailboxes, ElementsAre(DoeCapability{0x100, 2}));
}

TEST_F(ASysfsHost, TellsAFunctionThatWasRemovedAndFoundAgainFromTheOneBefore) {
    sysfs_.add("0000:0d:00.0", with_mailbox());
    const auto before = scan();
    const auto unchanged = scan();
    sysfs_.take_out("0000:0d:00.0");
    sysfs_.add("0000:0d:00.0", with_mailbox());
    const auto after = scan();
    ASSERT_THAT(before, SizeIs(1));
    ASSERT_THAT(unchanged, SizeIs(1));
    ASSERT_THAT(after, SizeIs(1));
    EXPECT_NE(before[0].identity, 0U);
    EXPECT_TRUE(same_function(before[0], unchanged[0]));
    EXPECT_FALSE(same_function(before[0], after[0]));
}

TEST_F(ASysfsHost, GoesOnListingAFunctionThatDoesNotAnswerForAWhile) {
    sysfs_.add("0000:0d:00.0", with_mailbox());
    ASSERT_THAT(scan(), SizeIs(1));
    sysfs_.set("0000:0d:00.0", "config", std::string(4096, '\xff'));
    EXPECT_THAT(scan(), SizeIs(1));
    EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(ASysfsHost, WalksAFunctionAgainThatCouldNotBeWalkedToItsSoundEnd) {
    const auto sound = with_mailbox();
    const auto dead = ConfigImage::filled_with(all_ones).bytes();
    const auto loop =
        ConfigImage().extended(0x100, 0x23, 1, 0x180).extended(0x180, 0x23, 1, 0x100).bytes();
    const auto silent = ConfigImage().set(0x100, all_ones).bytes();
    const std::vector<std::pair<std::string, std::span<const std::uint8_t>>> cases{
        {"nothing to read", {}},
        {"what is readable without privileges", std::span(sound).first(64)},
        {"an end in the middle", std::span(sound).first(0x190)},
        {"all ones", dead},
        {"a loop", loop},
        {"all ones where the chain begins", silent},
    };
    for (const auto& [what, config] : cases) {
        SCOPED_TRACE(what);
        const FakeSysfs sysfs;
        DirectOpener opener({.sysfs_root = sysfs.root()});
        SysfsHost host(sysfs.root(), opener);
        sysfs.add("0000:0d:00.0", config);
        problems_.clear();
        const auto before = host.scan(problems_);
        ASSERT_TRUE(before);
        EXPECT_THAT(*before, IsEmpty());
        sysfs.set("0000:0d:00.0", "config", std::string(sound.begin(), sound.end()));
        const auto after = host.scan(problems_);
        ASSERT_TRUE(after);
        EXPECT_THAT(*after, SizeIs(1));
    }
}

// --- Opened --------------------------------------------------------------------------------------------------------------------

TEST_F(ASysfsHost, OpensConfigSpaceForReadingAndWriting) {
    sysfs_.add("0000:0d:00.0", with_mailbox());
    const auto config = host_.open(Address{0, 0x0D, 0, 0});
    ASSERT_TRUE(config) << config.error().message();
    ASSERT_TRUE((*config)->write32(0x198, 0x80000000));

    const auto second = host_.open(Address{0, 0x0D, 0, 0});
    ASSERT_TRUE(second);
    EXPECT_NE(*config, *second) << "each mailbox has a handle of its own";
    EXPECT_EQ((*second)->read32(0x198), 0x80000000U);
}

TEST_F(ASysfsHost, DoesNotFindAnAddressWithoutAFunction) {
    const auto config = host_.open(Address{0, 0x0D, 0, 0});
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code(), Errc::not_found);
    EXPECT_THAT(config.error().context(), StartsWith("0000:0d:00.0: "));
}

}  // namespace
}  // namespace doed::pci
