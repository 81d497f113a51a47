// SPDX-License-Identifier: Apache-2.0
#include "pci/address.hpp"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::pci {
namespace {

using testing::HasSubstr;

struct Spelling {
    std::string_view text;
    Address address;
};

const std::vector<Spelling> canonical_spellings{
    {"0000:00:00.0", {0, 0, 0, 0}},
    {"0000:0d:00.0", {0, 0x0d, 0, 0}},
    {"abcd:ef:1f.7", {0xABCD, 0xEF, 31, 7}},
    {"10000:e1:00.0", {0x10000, 0xE1, 0, 0}},
    {"ffffffff:ff:1f.7", {0xFFFFFFFF, 0xFF, 31, 7}},
};

TEST(AnAddress, IsWrittenAsSysfsNamesIt) {
    for (const auto& [text, address] : canonical_spellings) {
        EXPECT_EQ(address.to_string(), text);
    }
}

TEST(AnAddress, IsReadBackFromWhatItWrote) {
    for (const auto& [text, address] : canonical_spellings) {
        SCOPED_TRACE(text);
        const auto parsed = Address::parse(text);
        ASSERT_TRUE(parsed) << parsed.error().message();
        EXPECT_EQ(*parsed, address);
    }
}

TEST(AnAddress, MayBeSpeltShorterOrLongerThanSysfsDoes) {
    const std::vector<Spelling> spellings{
        {"0d:00.0", {0, 0x0d, 0, 0}},
        {"0D:1F.7", {0, 0x0d, 31, 7}},
        {"ABCD:eF:0a.1", {0xABCD, 0xEF, 10, 1}},
        {"00000000:0d:00.0", {0, 0x0d, 0, 0}},
        {"00010000:0d:00.0", {0x10000, 0x0d, 0, 0}},
    };
    for (const auto& [text, address] : spellings) {
        SCOPED_TRACE(text);
        const auto parsed = Address::parse(text);
        ASSERT_TRUE(parsed) << parsed.error().message();
        EXPECT_EQ(*parsed, address);
    }
}

TEST(AnAddress, IsRefusedInEveryOtherForm) {
    const std::vector<std::string_view> texts{
        "",
        ":",
        "0",
        "0d",
        "0d:00",
        "0d:00.",
        "0d:00.8",   // functions end at 7
        "0d:20.0",   // devices end at 1f
        "0d:0.0",    // a device has two digits
        "d:00.0",    // so has a bus
        "10d:00.0",  // and no more
        "0d:00.00",  // a function has one digit
        "0d:00.0 ",
        " 0d:00.0",
        "0d:00:0",
        "0d.00.0",
        "0d:00.g",
        "0g:00.0",
        "0d:-1.0",
        "0d:+1.0",
        "000:0d:00.0",  // a domain has at least four digits
        ":0d:00.0",
        "0x00:0d:00.0",
        "00g0:0d:00.0",
        "-0001:0d:00.0",
        "000000000:0d:00.0",  // and at most eight
        "0000:0d:00.0.0",
        "0000:0000:0d:00.0",
        "0000:0d:00",
        "0000_0d_00_0",
        std::string_view("0d:00.0\0", 8),
        std::string_view("0d:0\0.0", 7),
    };
    for (const std::string_view text : texts) {
        SCOPED_TRACE(text);
        const auto parsed = Address::parse(text);
        ASSERT_FALSE(parsed);
        EXPECT_EQ(parsed.error().code(), base::Errc::invalid_argument);
    }
}

TEST(ARefusedAddress, IsQuotedTogetherWithTheExpectedForm) {
    const auto parsed = Address::parse("0d:00.9");
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error().context(), HasSubstr("\"0d:00.9\" is not a PCI address"));
    EXPECT_THAT(parsed.error().context(), HasSubstr("[DOMAIN:]BUS:DEVICE.FUNCTION"));
    EXPECT_THAT(parsed.error().context(), HasSubstr("0000:0d:00.0"));
}

TEST(ARefusedAddress, IsQuotedShortenedAndWithoutControlCharacters) {
    const auto parsed = Address::parse("\x1b[2J\xff" + std::string(1000, 'a'));
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error().context(), HasSubstr("\"?[2J?aaaa"));
    EXPECT_THAT(parsed.error().context(), HasSubstr("aaa...\""));
    EXPECT_LT(parsed.error().context().size(), 250U);
}

TEST(Addresses, AreOrderedByDomainThenBusThenDeviceThenFunction) {
    const std::vector<Address> ascending{{0, 0, 0, 1}, {0, 0, 1, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}};
    EXPECT_TRUE(std::ranges::is_sorted(ascending));
    EXPECT_NE(ascending[0], ascending[1]);
}

}  // namespace
}  // namespace doed::pci
