// SPDX-License-Identifier: Apache-2.0
//
// Runtime power management of a function in a fake /sys. Its power/control is a plain file: what was written last is what
// is read.
#include "pci/power_pin.hpp"

#include "config_image.hpp"
#include "pci/direct_opener.hpp"
#include "temporary_directory.hpp"

#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::pci {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Address address{.bus = 0x0D};
constexpr Address other_address{.bus = 0x0E};

class APowerPin : public testing::Test {
protected:
    APowerPin() {
        fs::create_directories(records());
        set_control("auto\n");
    }

    [[nodiscard]] fs::path root() const { return directory_.path() / "sys"; }
    [[nodiscard]] fs::path records() const { return directory_.path() / "power"; }
    [[nodiscard]] fs::path control(const Address& of = address) const {
        return root() / "bus/pci/devices" / of.to_string() / "power/control";
    }
    [[nodiscard]] fs::path record(const Address& of = address) const {
        return records() / of.to_string();
    }
    void set_control(std::string_view text, const Address& of = address) const {
        fs::create_directories(control(of).parent_path());
        const auto config = ConfigImage().extended(0x100, 0x2E, 1, 0).bytes();
        std::ofstream(control(of).parent_path().parent_path() / "config", std::ios::binary)
            .write(reinterpret_cast<const char*>(config.data()),
                   static_cast<std::streamsize>(config.size()));
        std::ofstream(control(of)) << text;
    }
    void set_record(std::string_view text, const std::string& name = address.to_string()) const {
        std::ofstream(records() / name) << text;
    }
    /// The file's text; nothing when there is no file.
    [[nodiscard]] static std::optional<std::string> text_of(const fs::path& path) {
        std::ifstream file(path);
        if (!file) {
            return std::nullopt;
        }
        return std::string(std::istreambuf_iterator(file), {});
    }
    [[nodiscard]] std::unique_ptr<PowerPin> make_pin() {
        return std::make_unique<PowerPin>(opener_, address, records());
    }
    [[nodiscard]] std::vector<std::string> restore() {
        return PowerPin::restore(opener_, records());
    }

    TemporaryDirectory directory_;
    DirectOpener opener_{{.sysfs_root = root().string()}};
};

TEST_F(APowerPin, LeavesAFunctionAloneUntilItIsHeld) {
    const auto pin = make_pin();
    EXPECT_EQ(text_of(control()), "auto\n");
    EXPECT_FALSE(fs::exists(record()));
}

TEST_F(APowerPin, KeepsTheFunctionOnWhileHeldAndRestoresItWhenDropped) {
    const auto pin = make_pin();
    pin->hold();
    EXPECT_EQ(text_of(control()), "on");
    pin->drop();
    EXPECT_EQ(text_of(control()), "auto");
    EXPECT_FALSE(fs::exists(record()));
}

TEST_F(APowerPin, RestoresWhenTheLastHolderDrops) {
    const auto pin = make_pin();
    pin->hold();
    pin->hold();
    pin->drop();
    EXPECT_EQ(text_of(control()), "on");
    EXPECT_TRUE(fs::exists(record()));
    pin->hold();
    pin->drop();
    EXPECT_EQ(text_of(control()), "on");
    pin->drop();
    EXPECT_EQ(text_of(control()), "auto");
}

TEST_F(APowerPin, CanBeHeldAgainAndRestoresWhatItFindsThen) {
    const auto pin = make_pin();
    pin->hold();
    pin->drop();
    set_control("on\n");  // the administrator's doing
    pin->hold();
    pin->drop();
    EXPECT_EQ(text_of(control()), "on\n");
    set_control("auto\n");
    pin->hold();
    EXPECT_EQ(text_of(control()), "on");
    pin->drop();
    EXPECT_EQ(text_of(control()), "auto");
}

TEST_F(APowerPin, RestoresWhenItGoesAwayHeld) {
    auto pin = make_pin();
    pin->hold();
    pin.reset();
    EXPECT_EQ(text_of(control()), "auto");
    EXPECT_FALSE(fs::exists(record()));
}

TEST_F(APowerPin, LeavesAFunctionThatIsOnAlone) {
    set_control("on\n");
    const auto pin = make_pin();
    pin->hold();
    EXPECT_EQ(text_of(control()), "on\n") << "not written";
    EXPECT_FALSE(fs::exists(record()));
    pin->drop();
    EXPECT_EQ(text_of(control()), "on\n");
}

TEST_F(APowerPin, MakesNothingOfAFunctionWithoutPowerManagement) {
    fs::remove_all(control().parent_path());
    const auto pin = make_pin();
    pin->hold();
    pin->drop();
    EXPECT_FALSE(fs::exists(control()));
    EXPECT_FALSE(fs::exists(record()));
}

TEST_F(APowerPin, DropsWhatIsHeldWhenTheFunctionIsGone) {
    const auto pin = make_pin();
    pin->hold();
    fs::remove_all(control().parent_path());
    pin->drop();
    EXPECT_FALSE(fs::exists(control()));
    EXPECT_FALSE(fs::exists(record())) << "a function that returns is as the kernel makes it";
}

TEST_F(APowerPin, PinsWithoutARecordWhereThereIsNoFolderForIt) {
    fs::remove_all(records());
    const auto pin = make_pin();
    pin->hold();
    EXPECT_EQ(text_of(control()), "on");
    pin->drop();
    EXPECT_EQ(text_of(control()), "auto");
    EXPECT_FALSE(fs::exists(records()));
}

TEST_F(APowerPin, IsHeldWhileItsConfigSpaceIsUsed) {
    struct Nothing final : ConfigSpace {
        base::Result<std::uint32_t> read32(std::uint16_t offset) override { return offset; }
        base::Result<void> write32(std::uint16_t, std::uint32_t) override { return {}; }
    };
    const std::shared_ptr<PowerPin> pin = make_pin();
    PinnedConfigSpace first(std::make_unique<Nothing>(), pin);
    PinnedConfigSpace second(std::make_unique<Nothing>(), pin);
    EXPECT_EQ(first.read32(4), 4U);
    EXPECT_EQ(text_of(control()), "auto\n") << "an access alone pins nothing";
    first.begin_use();
    second.begin_use();
    first.end_use();
    EXPECT_EQ(text_of(control()), "on");
    second.end_use();
    EXPECT_EQ(text_of(control()), "auto");
}

// --- After a crash -------------------------------------------------------------------------------------------------------

TEST_F(APowerPin, LeavesARecordThatACrashDoesNotTakeAway) {
    const auto pin = make_pin();
    pin->hold();
    EXPECT_EQ(text_of(record()), "auto");
    // Another process begins while this one, as far as files tell, has crashed.
    EXPECT_THAT(restore(), ElementsAre("0000:0d:00.0: power/control is \"auto\" again"));
    EXPECT_EQ(text_of(control()), "auto");
    EXPECT_FALSE(fs::exists(record()));
}

TEST_F(APowerPin, RestoresEveryFunctionOfACrash) {
    set_control("on", address);
    set_control("on", other_address);
    set_record("auto");
    set_record("auto\n", other_address.to_string());
    EXPECT_EQ(restore().size(), 2U);
    EXPECT_EQ(text_of(control(address)), "auto");
    EXPECT_EQ(text_of(control(other_address)), "auto");
    EXPECT_THAT(restore(), IsEmpty()) << "once only";
}

TEST_F(APowerPin, WritesNothingButWhatTheKernelKnows) {
    set_control("on");
    set_record("auto; reboot");
    set_record("auto", "lock");
    EXPECT_THAT(restore(), IsEmpty());
    EXPECT_EQ(text_of(control()), "on");
    EXPECT_TRUE(fs::is_empty(records())) << "what cannot be used is not kept";
}

TEST_F(APowerPin, ForgetsTheRecordOfAFunctionThatIsGone) {
    set_record("auto", other_address.to_string());
    EXPECT_THAT(restore(), IsEmpty());
    EXPECT_FALSE(fs::exists(record(other_address)));
    EXPECT_FALSE(fs::exists(control(other_address)));
}

TEST_F(APowerPin, HasNothingToRestoreWhereThereAreNoRecords) {
    EXPECT_THAT(restore(), IsEmpty());
    EXPECT_THAT(PowerPin::restore(opener_, directory_.path() / "nowhere"), IsEmpty());
    EXPECT_EQ(text_of(control()), "auto\n");
}

}  // namespace
}  // namespace doed::pci
