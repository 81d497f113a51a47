// SPDX-License-Identifier: Apache-2.0
//
// What the opener's policy hands out, by what the host shows and the configuration says.
#include "daemon/opener/policy.hpp"
#include "fake_tree.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon::opener {
namespace {

using base::Errc;
using pci::RootFile;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr pci::Address address{.bus = 0x0D};
const std::string folder = "bus/pci/devices/0000:0d:00.0/";

class AnyFile final : public pci::Opener {
public:
    base::Result<pci::FoundMailboxes> find(const pci::Address&) override {
        return pci::FoundMailboxes{
            .mailboxes = {{0x190, 2}}, .defect = {}, .config_writable = config_writable};
    }
    base::Result<base::UniqueFd> open(const pci::Address&, RootFile) override {
        on_open();
        return base::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    bool config_writable = true;
    std::function<void()> on_open = [] {};
};

class AnOpenersPolicy : public testing::Test {
protected:
    [[nodiscard]] std::vector<RootFile> handed_out() {
        std::vector<RootFile> files;
        for (std::uint8_t i = 0; i < pci::root_file_count; ++i) {
            if (policy_.open(address, static_cast<RootFile>(i))) {
                files.push_back(static_cast<RootFile>(i));
            }
        }
        return files;
    }
    [[nodiscard]] base::Error refusal(RootFile file) {
        const auto opened = policy_.open(address, file);
        return opened ? base::Error(Errc::invalid_argument, "opened") : opened.error();
    }
    void bind(const std::string& driver) {
        tree_.link(folder + "driver", "../../../bus/pci/drivers/" + driver);
    }
    void add_port() {
        tree_.link("bus/cxl/devices/endpoint2/uport", "../../../../0000:0d:00.0/mem0");
    }
    void choose(OwnerChoice choice) { config_.devices[address].owner = choice; }

    FakeTree tree_;
    Config config_;
    AnyFile files_;
    Policy policy_{files_, config_, tree_.root()};
};

TEST_F(AnOpenersPolicy, HandsConfigSpaceOutOfADeviceThatNobodyUses) {
    EXPECT_THAT(handed_out(),
                ElementsAre(RootFile::config, RootFile::power_control, RootFile::kernel_table));
}

TEST_F(AnOpenersPolicy, HandsOutNoConfigSpaceThatTheKernelUses) {
    bind("cxl_pci");
    add_port();
    EXPECT_THAT(handed_out(), ElementsAre(RootFile::power_control, RootFile::kernel_table));
    const auto error = refusal(RootFile::config);
    EXPECT_EQ(error.code(), Errc::kernel_owned);
    EXPECT_THAT(error.message(), HasSubstr("CXL port"));
}

TEST_F(AnOpenersPolicy, HandsItOutWhereTheConfigurationClaimsTheDevice) {
    bind("cxl_pci");
    add_port();
    choose(OwnerChoice::claim);
    EXPECT_THAT(handed_out(), testing::Contains(RootFile::config));
}

TEST_F(AnOpenersPolicy, HandsVfioFilesOutOfADeviceThatIsBoundToIt) {
    bind("vfio-pci");
    EXPECT_THAT(handed_out(),
                ElementsAre(RootFile::kernel_table, RootFile::vfio_container, RootFile::vfio_group,
                            RootFile::iommufd, RootFile::vfio_device));
    EXPECT_EQ(refusal(RootFile::config).code(), Errc::access_denied);
}

TEST_F(AnOpenersPolicy, HandsNothingOutOfADeviceThatAGuestUses) {
    bind("xen-pciback");
    EXPECT_THAT(handed_out(), ElementsAre(RootFile::kernel_table));
}

TEST_F(AnOpenersPolicy, HandsNothingToDriveWithOutUnderLockdown) {
    tree_.file("kernel/security/lockdown", "none [integrity] confidentiality\n");
    EXPECT_EQ(refusal(RootFile::config).code(), Errc::lockdown);
}

TEST_F(AnOpenersPolicy, TakesBackWhatTheKernelTookMeanwhile) {
    files_.on_open = [this] { bind("cxl_pci"), add_port(); };
    EXPECT_EQ(refusal(RootFile::config).code(), Errc::kernel_owned);
}

TEST_F(AnOpenersPolicy, SaysWhenConfigSpaceCannotBeWritten) {
    files_.config_writable = false;
    EXPECT_EQ(refusal(RootFile::config).code(), Errc::access_denied);
}

TEST_F(AnOpenersPolicy, LeavesWhatTheConfigurationLeaves) {
    choose(OwnerChoice::kernel);
    EXPECT_THAT(handed_out(), ElementsAre(RootFile::power_control, RootFile::kernel_table));
    choose(OwnerChoice::ignore);
    EXPECT_THAT(handed_out(), IsEmpty());
}

}  // namespace
}  // namespace doed::daemon::opener
