// SPDX-License-Identifier: Apache-2.0
//
// What belongs to a function is opened, and only for functions that have a mailbox.
#include "pci/direct_opener.hpp"

#include "config_image.hpp"
#include "fake_sysfs.hpp"
#include "pci/sysfs_attribute.hpp"

#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace doed::pci {
namespace {

using base::Errc;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Address address{.bus = 0x0D};
const std::string name = address.to_string();
constexpr std::uint16_t doe = 0x2E;

std::vector<std::uint8_t> with_mailbox() {
    return ConfigImage().extended(0x100, doe, 2, 0).bytes();
}
std::vector<std::uint8_t> without_mailbox() {
    return ConfigImage().extended(0x100, 0x01, 2, 0).bytes();
}

class ADirectOpener : public testing::Test {
protected:
    [[nodiscard]] Errc error_of(RootFile file) {
        const auto opened = opener_.open(address, file);
        EXPECT_FALSE(opened);
        return opened ? Errc::invalid_argument : opened.error().code();
    }

    FakeSysfs sysfs_;
    DirectOpener opener_{
        {.sysfs_root = sysfs_.root().string(), .dev_root = sysfs_.root().string() + "/dev"}};
};

TEST_F(ADirectOpener, FindsMailboxes) {
    sysfs_.add(name, with_mailbox());
    const auto found = opener_.find(address);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_THAT(found->mailboxes, ElementsAre(DoeCapability{0x100, 2}));
    EXPECT_THAT(found->defect, IsEmpty());
    EXPECT_TRUE(found->lasting);
    EXPECT_TRUE(found->config_writable);
}

TEST_F(ADirectOpener, FindsNoneWithoutAnError) {
    sysfs_.add(name, without_mailbox());
    const auto found = opener_.find(address);
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_THAT(found->mailboxes, IsEmpty());
}

TEST_F(ADirectOpener, OpensNothingOfAFunctionWithoutAMailbox) {
    sysfs_.add(name, without_mailbox());
    for (std::uint8_t file = 0; file < root_file_count; ++file) {
        EXPECT_EQ(error_of(static_cast<RootFile>(file)), Errc::not_supported) << int{file};
    }
}

TEST_F(ADirectOpener, OpensNothingOfAFunctionThatIsNotThere) {
    for (std::uint8_t file = 0; file < root_file_count; ++file) {
        EXPECT_EQ(error_of(static_cast<RootFile>(file)), Errc::not_found) << int{file};
    }
}

TEST_F(ADirectOpener, OpensNothingOfAFunctionThatCameToThePlaceOfOneWithAMailbox) {
    sysfs_.add(name, with_mailbox());
    ASSERT_TRUE(opener_.open(address, RootFile::config));
    sysfs_.take_out(name);
    sysfs_.add(name, without_mailbox());
    EXPECT_EQ(error_of(RootFile::config), Errc::not_supported);
}

TEST_F(ADirectOpener, LooksAtAFunctionOnce) {
    sysfs_.add(name, with_mailbox());
    ASSERT_TRUE(opener_.open(address, RootFile::config));
    sysfs_.set(name, "config", std::string(4096, '\xff'));
    EXPECT_TRUE(opener_.open(address, RootFile::config)) << "it does not answer for a while";
}

TEST_F(ADirectOpener, IsHeldOnceByAFunctionThatHangs) {
    sysfs_.add(name, with_mailbox());
    sysfs_.remove(name, "config");
    const auto path = sysfs_.root() / sysfs_.file(name, "config");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);  // opening it waits for somebody to write to it
    std::vector<std::future<Errc>> calls;
    for (int i = 0; i < 8; ++i) {
        calls.push_back(std::async(std::launch::async, [this] {
            const auto found = opener_.find(address);
            return found ? Errc::invalid_argument : found.error().code();
        }));
    }
    std::vector<Errc> refused;
    while (refused.size() < 7) {
        for (auto& call : calls) {
            if (call.valid() &&
                call.wait_for(std::chrono::milliseconds(1)) == std::future_status::ready) {
                refused.push_back(call.get());
            }
        }
    }
    EXPECT_THAT(refused, testing::Each(Errc::busy));
    const base::UniqueFd writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    for (auto& call : calls) {
        if (call.valid()) {
            EXPECT_EQ(call.get(), Errc::io) << "a pipe is no config space";
        }
    }
}

TEST_F(ADirectOpener, OpensConfigSpaceForReadingAndWriting) {
    sysfs_.add(name, with_mailbox());
    const auto file = opener_.open(address, RootFile::config);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(::fcntl(file->get(), F_GETFL) & O_ACCMODE, O_RDWR);
    EXPECT_EQ(::fcntl(file->get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(ADirectOpener, FollowsNoLinkInThePlaceOfAFile) {
    sysfs_.add(name, with_mailbox());
    ASSERT_TRUE(opener_.find(address));
    sysfs_.remove(name, "config");
    sysfs_.link(name, "config", "/etc/passwd");
    EXPECT_EQ(error_of(RootFile::config), Errc::io);
}

TEST_F(ADirectOpener, OpensPowerControl) {
    sysfs_.add(name, with_mailbox());
    EXPECT_EQ(error_of(RootFile::power_control), Errc::not_found);
    std::filesystem::create_directory(sysfs_.root() / sysfs_.file(name, "power"));
    sysfs_.set(name, "power/control", "auto\n");
    const auto file = opener_.open(address, RootFile::power_control);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(read_attribute(*file), "auto");
}

TEST_F(ADirectOpener, OpensTheTableOfTheFunctionsOwnPort) {
    sysfs_.add(name, with_mailbox());
    EXPECT_EQ(error_of(RootFile::kernel_table), Errc::not_found);
    const auto ports = sysfs_.root() / "bus/cxl/devices";
    for (const auto& [port, function] :
         {std::pair{"endpoint1", "0000:0e:00.0"}, std::pair{"endpoint2", "0000:0d:00.0"}}) {
        std::filesystem::create_directories(ports / port);
        std::filesystem::create_symlink(std::string("../../../../") + function + "/mem0",
                                        ports / port / "uport");
        std::ofstream(ports / port / "CDAT") << port;
    }
    const auto file = opener_.open(address, RootFile::kernel_table);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(::fcntl(file->get(), F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_EQ(read_attribute(*file), "endpoint2");
}

TEST_F(ADirectOpener, TakesNoGroupThatIsNoNumber) {
    sysfs_.add(name, with_mailbox());
    sysfs_.link(name, "iommu_group", "../../kernel/iommu_groups/..");
    const auto file = opener_.open(address, RootFile::vfio_group);
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().message(), HasSubstr("no IOMMU group"));
}

}  // namespace
}  // namespace doed::pci
