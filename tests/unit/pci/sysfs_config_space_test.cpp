// SPDX-License-Identifier: Apache-2.0
#include "pci/sysfs_config_space.hpp"

#include "config_image.hpp"
#include "temporary_directory.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace doed::pci {
namespace {

using base::Errc;
using testing::HasSubstr;

class ASysfsConfigSpace : public testing::Test {
protected:
    /// A `config` file with those bytes, opened.
    std::unique_ptr<ConfigSpace> open(const std::vector<std::uint8_t>& bytes,
                                      bool writable = true) {
        path_ = directory_.write("config", bytes);
        auto config = SysfsConfigSpace::open(path_, writable);
        EXPECT_TRUE(config);
        return config ? std::move(*config) : nullptr;
    }

    [[nodiscard]] std::vector<std::uint8_t> file_bytes() const {
        std::ifstream file(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    TemporaryDirectory directory_;
    std::string path_;
};

TEST_F(ASysfsConfigSpace, ReadsLittleEndianDwords) {
    const auto config = open({0xDC, 0x1D, 0x93, 0x0D, 0x06, 0x04, 0x10, 0x80});
    EXPECT_EQ(config->read32(0), 0x0D931DDCU);
    EXPECT_EQ(config->read32(4), 0x80100406U);
}

TEST_F(ASysfsConfigSpace, ReadsTheLastDword) {
    const auto config = open(ConfigImage().set(0xFFC, 0x12345678).bytes());
    EXPECT_EQ(config->read32(0xFFC), 0x12345678U);
}

TEST_F(ASysfsConfigSpace, LeavesTheMeaningOfAllOnesToItsUser) {
    EXPECT_EQ(open({0xFF, 0xFF, 0xFF, 0xFF})->read32(0), all_ones);
}

TEST_F(ASysfsConfigSpace, WritesItsFourBytesAndNoOthers) {
    auto expected = std::vector<std::uint8_t>(16, 0x55);
    const auto config = open(expected);
    ASSERT_TRUE(config->write32(8, 0x80010203));
    expected[8] = 0x03;
    expected[9] = 0x02;
    expected[10] = 0x01;
    expected[11] = 0x80;
    EXPECT_EQ(file_bytes(), expected);
    EXPECT_EQ(config->read32(8), 0x80010203U);
}

TEST_F(ASysfsConfigSpace, IsNotInheritedByOtherPrograms) {
    const auto config = open(std::vector<std::uint8_t>(16));
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        if (std::filesystem::read_symlink(entry.path(), ignored) == path_) {
            EXPECT_EQ(::fcntl(std::stoi(entry.path().filename()), F_GETFD), FD_CLOEXEC);
            ++found;
        }
    }
    EXPECT_EQ(found, 1);
}

TEST_F(ASysfsConfigSpace, ReportsAShortReadWithFileAndOffset) {
    const auto config = open({1, 2, 3, 4, 5, 6});
    for (const std::uint16_t offset : std::vector<std::uint16_t>{4, 8, 0x100}) {
        SCOPED_TRACE(offset);
        const auto value = config->read32(offset);
        ASSERT_FALSE(value);
        EXPECT_EQ(value.error().code(), Errc::io);
    }
    EXPECT_THAT(config->read32(4).error().context(),
                HasSubstr(path_ + " at 0x4: read 2 bytes of 4"));
    EXPECT_THAT(config->read32(0x100).error().context(),
                HasSubstr(path_ + " at 0x100: read 0 bytes of 4"));
}

TEST_F(ASysfsConfigSpace, ReportsARefusedWriteAsLockdown) {
    // A sealed memory file refuses writes with EPERM, as the kernel does with config space under lockdown.
    base::UniqueFd file(::memfd_create("config", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(file.get(), config_space_size_bytes), 0);
    ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
    SysfsConfigSpace config(std::move(file), "config", true);
    const auto written = config.write32(0x198, 1);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code(), Errc::lockdown);
    EXPECT_THAT(written.error().context(), HasSubstr("config at 0x198"));
    EXPECT_EQ(config.read32(0x198), 0U) << "lockdown does not forbid reading";
}

TEST_F(ASysfsConfigSpace, ReportsAWriteWithoutRoomAsIoError) {
    const auto config = SysfsConfigSpace::open("/dev/full", true);
    ASSERT_TRUE(config);
    const auto written = (*config)->write32(0, 1);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code(), Errc::io);
}

TEST_F(ASysfsConfigSpace, OfAMissingFileIsNotFound) {
    for (const bool writable : {false, true}) {
        const auto config = SysfsConfigSpace::open(directory_.path() / "absent", writable);
        ASSERT_FALSE(config);
        EXPECT_EQ(config.error().code(), Errc::not_found);
        EXPECT_THAT(config.error().context(), HasSubstr("absent"));
    }
}

TEST_F(ASysfsConfigSpace, OfADirectoryIsAnIoError) {
    const auto config = SysfsConfigSpace::open(directory_.path(), true);
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code(), Errc::io);
}

TEST_F(ASysfsConfigSpace, HoldsItsUserToAlignedOffsetsInConfigSpace) {
    const auto config = open(std::vector<std::uint8_t>(4096));
    for (const std::uint16_t offset : std::vector<std::uint16_t>{1, 2, 3, 0x102, 4096, 0xFFFC}) {
        EXPECT_DEATH(static_cast<void>(config->read32(offset)), "broken assertion") << offset;
        EXPECT_DEATH(static_cast<void>(config->write32(offset, 0)), "broken assertion") << offset;
    }
}

TEST_F(ASysfsConfigSpace, HoldsItsUserToReadingWhatWasOpenedForReading) {
    const auto config = open(std::vector<std::uint8_t>(16, 0x55), false);
    EXPECT_EQ(config->read32(0), 0x55555555U);
    EXPECT_DEATH(static_cast<void>(config->write32(0, 0)), "broken assertion");
}

}  // namespace
}  // namespace doed::pci
