// SPDX-License-Identifier: Apache-2.0
//
// Accesses to a device with fault scripts: a sound mailbox beside a faulty one, and the config space around both.
#include "../register_driver.hpp"
#include "emulator/device.hpp"
#include "emulator/protocols/echo_responder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using base::Errc;

constexpr std::uint16_t faulty = 0x150;
constexpr std::uint16_t sound = 0x168;
constexpr std::uint16_t command = 0x04;
constexpr std::uint32_t bus_master = 1U << 2;
constexpr std::uint32_t gone = 0xFFFFFFFF;

class ADeviceWithAFaultScript : public testing::Test {
protected:
    Device::Mailbox make_mailbox(std::uint16_t offset, std::shared_ptr<FaultInjector> faults) {
        std::vector<std::unique_ptr<Responder>> responders;
        responders.push_back(std::make_unique<EchoResponder>());
        return {offset,
                std::make_unique<DoeInstance>(
                    DoeInstanceOptions{.response_time = {1ms, 1ms}}, std::move(responders),
                    clock.environment().now,
                    [this](std::uint16_t message) { messages.push_back(message); }, faults),
                faults};
    }
    void make(const std::vector<FaultRule>& rules) {
        ConfigImage image({.vendor_id = 0x8086, .device_id = 0x0D93}, HeaderType::endpoint);
        std::vector<Device::Mailbox> mailboxes;
        for (const std::uint16_t offset : {faulty, sound}) {
            EXPECT_TRUE(image.add_extended_capability({0x2E, 1, offset, 24}));
        }
        mailboxes.push_back(make_mailbox(
            faulty,
            std::make_shared<FaultInjector>(FaultScript{.rules = rules}, clock.environment().now)));
        mailboxes.push_back(make_mailbox(sound, nullptr));
        device.emplace(std::move(image), std::move(mailboxes), clock.environment());
    }

    [[nodiscard]] base::Result<std::uint32_t> read(std::uint16_t mailbox, std::uint16_t offset) {
        return device->read32(static_cast<std::uint16_t>(mailbox + offset));
    }
    [[nodiscard]] base::Result<void> write(std::uint16_t mailbox, std::uint16_t offset,
                                           std::uint32_t value) {
        return device->write32(static_cast<std::uint16_t>(mailbox + offset), value);
    }
    [[nodiscard]] std::uint32_t status(std::uint16_t mailbox) {
        return read(mailbox, status_register).value_or(0x0BAD);
    }
    void send(std::uint16_t mailbox) {
        for (const std::uint32_t dword : {echo_header1, 3U, 7U}) {
            EXPECT_TRUE(write(mailbox, write_mailbox_register, dword));
        }
        EXPECT_TRUE(write(mailbox, control_register, go_bit | interrupt_enable_bit));
    }

    VirtualClock clock;
    std::vector<std::uint16_t> messages;
    std::optional<Device> device;
};

FaultRule at(FaultKind kind, std::uint64_t number, std::optional<base::Duration> time = {}) {
    FaultRule rule = FaultRule::at(kind, number);
    rule.time = time;
    return rule;
}

TEST_F(ADeviceWithAFaultScript, RefusesTheAccessItIsToldAndNoOther) {
    make({at(FaultKind::access_fails, 3)});
    for (const int number : {1, 2, 3, 4}) {
        EXPECT_TRUE(device->read32(0)) << "not an access to the mailbox";
        EXPECT_TRUE(read(sound, status_register));
        const auto value = read(faulty, status_register);
        EXPECT_EQ(value.has_value(), number != 3) << number;
        EXPECT_TRUE(value || value.error().code() == Errc::io);
    }
    EXPECT_EQ(device->fault_counts().of(FaultKind::access_fails), 1U);
}

TEST_F(ADeviceWithAFaultScript, DoesNotSeeAWriteThatIsRefused) {
    make({at(FaultKind::access_fails, 1)});
    const auto written = write(faulty, control_register, interrupt_enable_bit);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code(), Errc::io);
    EXPECT_EQ(read(faulty, control_register), 0U);
}

TEST_F(ADeviceWithAFaultScript, TakesItsTimeForASlowAccess) {
    make({at(FaultKind::slow_access, 2, 30ms)});
    EXPECT_EQ(status(faulty), 0U);
    EXPECT_EQ(clock.paused, 0ms);
    EXPECT_EQ(status(faulty), 0U);
    EXPECT_EQ(clock.paused, 30ms);
    EXPECT_EQ(status(faulty), 0U);
    EXPECT_EQ(clock.paused, 30ms);
    EXPECT_EQ(device->fault_counts().of(FaultKind::slow_access), 1U);
}

TEST_F(ADeviceWithAFaultScript, ThatIsGoneReadsAsAllOnesEverywhereAndLosesWrites) {
    make({at(FaultKind::all_ones, 2)});
    EXPECT_EQ(status(faulty), 0U);
    EXPECT_EQ(status(faulty), gone);
    EXPECT_EQ(status(sound), gone);
    EXPECT_EQ(device->read32(0), gone);
    EXPECT_TRUE(device->write32(command, bus_master));
    EXPECT_TRUE(write(sound, control_register, interrupt_enable_bit));
    EXPECT_EQ(device->next_event(), std::nullopt);
    clock.now += 24h;
    EXPECT_EQ(device->read32(0), gone);
    EXPECT_EQ(device->fault_counts().of(FaultKind::all_ones), 1U);
}

TEST_F(ADeviceWithAFaultScript, ThatReturnsHasBeenReset) {
    make({at(FaultKind::all_ones, 7, 10ms)});
    EXPECT_TRUE(device->write32(command, bus_master));
    send(sound);
    send(faulty);
    clock.now += 1ms;
    EXPECT_EQ(status(sound), ready_bit | interrupt_status_bit);
    EXPECT_EQ(status(faulty), ready_bit | interrupt_status_bit);
    EXPECT_EQ(read(faulty, read_mailbox_register), echo_header1);
    EXPECT_EQ(status(faulty), gone);
    EXPECT_EQ(device->next_event(), clock.now + 10ms);
    clock.now += 10ms - 1ns;
    EXPECT_EQ(device->read32(0), gone);
    clock.now += 1ns;
    EXPECT_EQ(device->read32(0), 0x0D938086U);
    EXPECT_EQ(device->read32(command).value_or(gone) & bus_master, 0U);
    for (const std::uint16_t mailbox : {faulty, sound}) {
        EXPECT_EQ(status(mailbox), 0U);
        EXPECT_EQ(read(mailbox, control_register), 0U);
    }
    send(faulty);
    clock.now += 1ms;
    EXPECT_EQ(read(faulty, read_mailbox_register), echo_header1) << "it works again";
}

TEST_F(ADeviceWithAFaultScript, SendsNothingWhileItIsGone) {
    make({at(FaultKind::all_ones, 1, 10ms)});
    send(sound);
    EXPECT_EQ(status(faulty), gone);
    clock.now += 5ms;
    device->settle();
    EXPECT_TRUE(messages.empty());
    clock.now += 5ms;
    device->settle();
    EXPECT_TRUE(messages.empty()) << "what was being made is lost";
    EXPECT_EQ(status(sound), 0U);
}

TEST_F(ADeviceWithAFaultScript, TellsWhatHappensNextAndLetsItHappen) {
    make({});
    EXPECT_EQ(device->next_event(), std::nullopt);
    send(faulty);
    clock.now += 500us;
    send(sound);
    EXPECT_EQ(device->next_event(), clock.now + 500us);
    clock.now += 500us;
    EXPECT_TRUE(messages.empty());
    device->settle();
    EXPECT_EQ(messages.size(), 1U);
    EXPECT_EQ(device->next_event(), clock.now + 500us);
}

}  // namespace
}  // namespace doed::emulator
