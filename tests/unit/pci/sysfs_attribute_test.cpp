// SPDX-License-Identifier: Apache-2.0
#include "pci/sysfs_attribute.hpp"

#include "temporary_directory.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace doed::pci {
namespace {

using base::Errc;
using testing::HasSubstr;

class AnAttribute : public testing::Test {
protected:
    TemporaryDirectory directory_;
};

TEST_F(AnAttribute, IsReadWithoutTheWhiteSpaceAroundIt) {
    EXPECT_EQ(read_attribute(directory_.write("plain", "0x8086\n")), "0x8086");
    EXPECT_EQ(read_attribute(directory_.write("bare", "on")), "on");
    EXPECT_EQ(read_attribute(directory_.write("padded", " \t integrity [none] \r\n\n")),
              "integrity [none]");
    EXPECT_EQ(read_attribute(directory_.write("empty", "")), "");
    EXPECT_EQ(read_attribute(directory_.write("blank", " \n")), "");
}

TEST_F(AnAttribute, MayFillAPageButNotMore) {
    EXPECT_EQ(read_attribute(directory_.write("page", std::string(4096, 'x'))),
              std::string(4096, 'x'));
    const auto longer = read_attribute(directory_.write("longer", std::string(4097, 'x')));
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error().code(), Errc::too_large);
    EXPECT_THAT(longer.error().context(), HasSubstr("longer than 4096 bytes"));
}

TEST_F(AnAttribute, ThatDoesNotExistIsNotFoundByItsPath) {
    const std::string path = directory_.path() / "absent";
    const auto text = read_attribute(path);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code(), Errc::not_found);
    EXPECT_THAT(text.error().context(), HasSubstr(path));
}

TEST_F(AnAttribute, ThatIsADirectoryIsAnIoError) {
    const auto text = read_attribute(directory_.path());
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code(), Errc::io);
}

TEST_F(AnAttribute, ThatIsAPipeDoesNotBlock) {
    const std::string path = directory_.path() / "pipe";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_FALSE(read_attribute(path));
}

TEST_F(AnAttribute, HoldingANumberIsReadAsOne) {
    EXPECT_EQ(read_number<std::uint16_t>(directory_.write("vendor", "0x8086\n")), 0x8086U);
    EXPECT_EQ(read_number<std::int32_t>(directory_.write("numa_node", "-1\n")), -1);
}

TEST_F(AnAttribute, HoldingNoNumberIsRefusedByItsPath) {
    const std::string path = directory_.write("vendor", "none\n");
    const auto number = read_number<std::uint16_t>(path);
    ASSERT_FALSE(number);
    EXPECT_EQ(number.error().code(), Errc::invalid_argument);
    EXPECT_THAT(number.error().context(),
                HasSubstr(path + ": \"none\" is not a number from 0 to 65535"));
}

TEST_F(AnAttribute, HoldingANumberMustExistAsWell) {
    const auto number = read_number<std::uint16_t>(directory_.path() / "absent");
    ASSERT_FALSE(number);
    EXPECT_EQ(number.error().code(), Errc::not_found);
}

class ALink : public AnAttribute {
protected:
    std::string link_to(const std::string& target) const {
        const auto path = directory_.path() / "link";
        std::filesystem::remove(path);
        std::filesystem::create_symlink(target, path);
        return path;
    }
};

TEST_F(ALink, IsReadAsTheNameOfItsTarget) {
    EXPECT_EQ(read_link_name(link_to("../../../../bus/pci/drivers/cxl_pci")), "cxl_pci");
    EXPECT_EQ(read_link_name(link_to("../12")), "12");
    EXPECT_EQ(read_link_name(link_to("vfio-pci")), "vfio-pci");
}

TEST_F(ALink, ThatDoesNotExistIsNotFound) {
    const auto name = read_link_name(directory_.path() / "driver");
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().code(), Errc::not_found);
}

TEST_F(ALink, ThatIsAFileIsAnIoError) {
    const auto name = read_link_name(directory_.write("driver", "cxl_pci"));
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().code(), Errc::io);
}

TEST(ANumber, IsDecimalOrHexadecimalAfter0x) {
    EXPECT_EQ(parse_number<std::uint8_t>("0"), 0U);
    EXPECT_EQ(parse_number<std::uint8_t>("255"), 255U);
    EXPECT_EQ(parse_number<std::uint16_t>("0xFfFf"), 0xFFFFU);
    EXPECT_EQ(parse_number<std::uint32_t>("0x050210"), 0x050210U);
    EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_number<std::int32_t>("-2147483648"), INT32_MIN);
    EXPECT_EQ(parse_number<std::int32_t>("0x10"), 16);
}

TEST(ANumber, IsRefusedOutOfRangeOrWithAnythingAroundIt) {
    for (const std::string_view text : {"", " ", "1 ", " 1", "1\n", "+1", "-1", "256", "0x100",
                                        "0x", "0X10", "0x-1", "0xg", "ff", "1.5", "1,2"}) {
        SCOPED_TRACE(text);
        const auto number = parse_number<std::uint8_t>(text);
        ASSERT_FALSE(number);
        EXPECT_EQ(number.error().code(), Errc::invalid_argument);
    }
}

TEST(ASignedNumber, IsRefusedBeyondItsRangeAndInSignedHexadecimal) {
    for (const std::string_view text :
         {"2147483648", "-2147483649", "0x80000000", "0x-1", "-0x1", "--1"}) {
        SCOPED_TRACE(text);
        EXPECT_FALSE(parse_number<std::int32_t>(text));
    }
}

}  // namespace
}  // namespace doed::pci
