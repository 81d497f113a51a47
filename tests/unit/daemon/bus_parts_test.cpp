// SPDX-License-Identifier: Apache-2.0
//
// The parts of the bus adapter that need no bus: names of errors, paths, options, sealed files.
#include "daemon/bus/errors.hpp"
#include "daemon/bus/method_options.hpp"
#include "daemon/bus/paths.hpp"
#include "daemon/bus/sealed_file.hpp"

#include <array>
#include <set>
#include <utility>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace doed::bus {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using testing::AllOf;
using testing::HasSubstr;

constexpr auto last_errc = Errc::io;

TEST(EveryErrc, HasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (int code = 0; code <= std::to_underlying(last_errc); ++code) {
        const auto name = error_name(static_cast<Errc>(code));
        EXPECT_NE(name, "org.freedesktop.DBus.Error.Failed") << code;
        EXPECT_TRUE(name.starts_with("org.doed1.Error.") ||
                    name.starts_with("org.freedesktop.DBus.Error."))
            << name;
        EXPECT_TRUE(names.insert(name).second) << name;
    }
}

TEST(AnErrorOnTheBus, CarriesNameAndCause) {
    const auto error = to_bus_error(base::Error(Errc::timeout, "0000:0d:00.0 mailbox 0x190"));
    EXPECT_EQ(error.getName(), "org.doed1.Error.Timeout");
    EXPECT_EQ(error.getMessage(), "0000:0d:00.0 mailbox 0x190: the device did not respond in time");
}

TEST(APath, IsMadeOfAddressAndOffset) {
    EXPECT_EQ(device_path(pci::Address{0, 0x0d, 0, 0}), "/org/doed1/device/0000_0d_00_0");
    EXPECT_EQ(mailbox_path(pci::Address{0x10000, 0xe1, 0x1f, 7}, 0x190),
              "/org/doed1/device/10000_e1_1f_7/mailbox_190");
}

class TheOptions : public testing::Test {
protected:
    static constexpr base::TimePoint now{1h};

    static base::Result<MethodOptions> parse(const OptionMap& options,
                                             KnownOptions known = KnownOptions::with_refresh) {
        return parse_method_options(options, known, now, 20s);
    }
};

TEST_F(TheOptions, AreDefaultsWhenNoneAreGiven) {
    const auto options = parse({});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->deadline, now + 20s);
    EXPECT_FALSE(options->refresh);
    EXPECT_FALSE(options->interactive);
}

TEST_F(TheOptions, AreTakenAsTheyAre) {
    const auto options = parse({{"deadline-usec", sdbus::Variant(std::uint64_t{1500})},
                                {"refresh", sdbus::Variant(true)},
                                {"interactive", sdbus::Variant(true)}});
    ASSERT_TRUE(options) << options.error().message();
    EXPECT_EQ(options->deadline, now + 1500us);
    EXPECT_TRUE(options->refresh);
    EXPECT_TRUE(options->interactive);
}

TEST_F(TheOptions, BoundTheDeadline) {
    const auto options = parse({{"deadline-usec", sdbus::Variant(UINT64_MAX)}});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->deadline, now + longest_deadline);
}

TEST_F(TheOptions, RefuseWhatTheMethodDoesNotKnow) {
    const auto options = parse({{"refresh", sdbus::Variant(true)}}, KnownOptions::common);
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error().code(), Errc::invalid_argument);
    EXPECT_THAT(options.error().message(), HasSubstr("'refresh'"));
}

TEST_F(TheOptions, RefuseWrongTypesNamingTheKey) {
    const auto options = parse({{"deadline-usec", sdbus::Variant(std::uint32_t{5})}});
    ASSERT_FALSE(options);
    EXPECT_EQ(options.error().code(), Errc::invalid_argument);
    EXPECT_THAT(options.error().message(),
                AllOf(HasSubstr("'deadline-usec'"), HasSubstr("'u'"), HasSubstr("'t'")));
}

TEST_F(TheOptions, DoNotEchoMoreThanALineOfTheClientsWords) {
    const auto options = parse({{std::string(5000, 'x'), sdbus::Variant(true)}});
    ASSERT_FALSE(options);
    EXPECT_LT(options.error().message().size(), 200U);
}

TEST_F(TheOptions, CutTheClientsWordsBetweenCharacters) {
    // 63 bytes and then characters of three each: the limit of 64 falls into the first of them.
    const std::string start(63, 'x');
    const auto options = parse({{start + "\xE2\x82\xAC\xE2\x82\xAC", sdbus::Variant(true)}});
    ASSERT_FALSE(options);
    EXPECT_THAT(options.error().message(), HasSubstr("'" + start + "'"));
}

TEST_F(TheOptions, DoNotEchoWhatATerminalWouldObey) {
    const auto options = parse({{"a\nb\x1b[31m\x7f\xC2\x9B\xC3\x9F", sdbus::Variant(true)}});
    ASSERT_FALSE(options);
    EXPECT_THAT(options.error().message(), HasSubstr("'a?b?[31m??\xC3\x9F'"));
}

TEST(ASealedFile, CannotBeChangedByAnybody) {
    const std::array<std::uint8_t, 3> bytes{1, 2, 3};
    auto file = make_sealed_file(bytes);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(::fcntl(file->get(), F_GET_SEALS),
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    EXPECT_EQ(::pwrite(file->get(), "x", 1, 0), -1);
    EXPECT_EQ(::ftruncate(file->get(), 1), -1);
}

TEST(ASealedFile, IsReopenedWithAnOffsetOfItsOwn) {
    const std::array<std::uint8_t, 3> bytes{1, 2, 3};
    const auto file = make_sealed_file(bytes);
    ASSERT_TRUE(file);
    const auto first = reopen_sealed_file(*file);
    const auto second = reopen_sealed_file(*file);
    ASSERT_TRUE(first && second);
    std::array<std::uint8_t, 4> read{};
    EXPECT_EQ(::read(first->get(), read.data(), read.size()), 3);
    EXPECT_EQ(::read(second->get(), read.data(), read.size()), 3);
    EXPECT_EQ(read[2], 3);
    EXPECT_EQ(::fcntl(first->get(), F_GET_SEALS),
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    EXPECT_EQ(::write(first->get(), "x", 1), -1) << "it is open for reading only";
}

}  // namespace
}  // namespace doed::bus
