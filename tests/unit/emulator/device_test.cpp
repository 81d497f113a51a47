// SPDX-License-Identifier: Apache-2.0
#include "emulator/device.hpp"

#include "emulator/emulated_config_space.hpp"
#include "emulator/protocols/echo_responder.hpp"
#include "register_driver.hpp"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

constexpr std::uint16_t first_mailbox = 0x150;
constexpr std::uint16_t second_mailbox = 0x168;  // directly behind the first

class AnEmulatedDevice : public testing::Test {
protected:
    static std::unique_ptr<DoeInstance> echo(const Environment& environment) {
        std::vector<std::unique_ptr<Responder>> responders;
        responders.push_back(std::make_unique<EchoResponder>());
        return std::make_unique<DoeInstance>(DoeInstanceOptions{.capability_version = 2},
                                             std::move(responders), environment.now);
    }
    static std::shared_ptr<Device> make(const Environment& environment,
                                        base::Duration access_delay = {}) {
        ConfigImage image({.vendor_id = 0x8086, .device_id = 0x0D93}, HeaderType::endpoint);
        std::vector<Device::Mailbox> mailboxes;
        for (const std::uint16_t offset : {first_mailbox, second_mailbox}) {
            EXPECT_TRUE(image.add_extended_capability({0x2E, 2, offset, 24}));
            mailboxes.push_back({offset, echo(environment)});
        }
        return std::make_shared<Device>(std::move(image), std::move(mailboxes), environment,
                                        access_delay);
    }

    VirtualClock clock;
    std::shared_ptr<Device> device = make(clock.environment());
};

TEST_F(AnEmulatedDevice, ShowsItsConfigImage) {
    EXPECT_EQ(device->read32(0x00), 0x0D938086U);
    EXPECT_TRUE(device->write32(0x04, 0x4));
    EXPECT_EQ(device->read32(0x04), 0x4U);
}

TEST_F(AnEmulatedDevice, KeepsTheHeadersOfItsMailboxesFromWrites) {
    EXPECT_TRUE(device->write32(first_mailbox, 0));
    EXPECT_TRUE(device->write32(second_mailbox, 0));
    EXPECT_EQ(device->read32(first_mailbox), 0x1682002EU);
    EXPECT_EQ(device->read32(second_mailbox), 0x0002002EU);
}

TEST_F(AnEmulatedDevice, GivesEachMailboxRegistersOfItsOwn) {
    for (const std::uint32_t dword : {echo_header1, 2U}) {
        EXPECT_TRUE(device->write32(second_mailbox + write_mailbox_register, dword));
    }
    EXPECT_TRUE(device->write32(first_mailbox + control_register, go_bit));
    EXPECT_EQ(device->read32(first_mailbox + status_register), 0U);
    EXPECT_TRUE(device->write32(second_mailbox + control_register, go_bit));
    EXPECT_EQ(device->read32(first_mailbox + status_register), 0U);
    EXPECT_EQ(device->read32(second_mailbox + status_register), ready_bit | interrupt_status_bit);
    EXPECT_EQ(device->read32(second_mailbox + read_mailbox_register), echo_header1);
}

TEST_F(AnEmulatedDevice, IsReachedThroughAnyHandle) {
    EmulatedConfigSpace one(device);
    EmulatedConfigSpace other(device);
    ASSERT_TRUE(one.write32(first_mailbox + control_register, interrupt_enable_bit));
    const auto control = other.read32(first_mailbox + control_register);
    ASSERT_TRUE(control);
    EXPECT_EQ(*control, interrupt_enable_bit);
}

TEST_F(AnEmulatedDevice, TakesItsDelayForEveryAccess) {
    const auto slow = make(clock.environment(), 3us);
    EXPECT_EQ(slow->read32(0x00), 0x0D938086U);
    EXPECT_EQ(clock.paused, 3us);
    EXPECT_TRUE(slow->write32(first_mailbox + control_register, 0));
    EXPECT_EQ(slow->read32(first_mailbox + status_register), 0U);
    EXPECT_EQ(clock.paused, 9us);
}

// Two mailboxes driven from two threads through handles of their own: neither sees anything of the other, and no access
// begins before the one before has ended.
TEST_F(AnEmulatedDevice, ServesTwoThreadsOneAccessAtATime) {
    std::atomic<int> running = 0;
    std::atomic<int> overlapping = 0;
    Environment environment = Environment::real();
    environment.pause = [&](base::Duration) {
        overlapping += running.fetch_add(1);
        std::this_thread::yield();
        --running;
    };
    const auto shared = make(environment, 1ns);
    const auto drive = [&](std::uint16_t mailbox, std::uint32_t payload, int& wrong) {
        EmulatedConfigSpace config(shared);
        const auto write = [&](std::uint16_t offset, std::uint32_t value) {
            wrong += config.write32(static_cast<std::uint16_t>(mailbox + offset), value) ? 0 : 1;
        };
        const auto expect = [&](std::uint16_t offset, std::uint32_t mask, std::uint32_t value) {
            const auto read = config.read32(static_cast<std::uint16_t>(mailbox + offset));
            wrong += read && (*read & mask) == value ? 0 : 1;
        };
        for (int round = 0; round < 100; ++round) {
            for (const std::uint32_t dword : {echo_header1, 3U, payload}) {
                write(write_mailbox_register, dword);
            }
            write(control_register, go_bit);
            for (const std::uint32_t dword : {echo_header1, 3U, payload}) {
                expect(status_register, ready_bit, ready_bit);
                expect(read_mailbox_register, 0xFFFFFFFF, dword);
                write(read_mailbox_register, 0);
            }
            expect(status_register, ready_bit, 0);
        }
    };
    int wrong_in_first = 0;
    int wrong_in_second = 0;
    std::thread other([&] { drive(second_mailbox, 0x22222222, wrong_in_second); });
    drive(first_mailbox, 0x11111111, wrong_in_first);
    other.join();
    EXPECT_EQ(wrong_in_first, 0);
    EXPECT_EQ(wrong_in_second, 0);
    EXPECT_EQ(overlapping, 0);
}

}  // namespace
}  // namespace doed::emulator
