// SPDX-License-Identifier: Apache-2.0
#include "emulator/emulated_host.hpp"

#include "pci/capability_walk.hpp"
#include "register_driver.hpp"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using base::Errc;
using pci::DoeCapability;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr pci::Address endpoint{0, 0x0D, 0, 0};
constexpr pci::Address switch_port{0, 0x0E, 0, 0};
constexpr pci::Address accelerator{0, 0x3B, 0, 0};

// The topology of the demonstration, on a virtual clock.
class TheDemoHost : public testing::Test {
protected:
    void SetUp() override {
        auto topology = Topology::load(std::string(DOED_TOPOLOGIES) + "/demo.json");
        ASSERT_TRUE(topology) << topology.error().message();
        host = std::make_unique<EmulatedHost>(*std::move(topology), clock.environment());
        auto scanned = host->scan(problems);
        ASSERT_TRUE(scanned) << scanned.error().message();
        devices = *std::move(scanned);
    }

    [[nodiscard]] std::unique_ptr<pci::ConfigSpace> open(const pci::Address& address) const {
        auto config = host->open(address);
        return config ? *std::move(config) : nullptr;
    }
    /// One exchange with a mailbox, through its registers.
    [[nodiscard]] Dwords exchange(const pci::Address& address, std::uint16_t mailbox,
                                  const Dwords& request) {
        const auto config = open(address);
        const auto at = [&](std::uint16_t offset) {
            return static_cast<std::uint16_t>(mailbox + offset);
        };
        for (const auto dword : request) {
            EXPECT_TRUE(config->write32(at(write_mailbox_register), dword));
        }
        EXPECT_TRUE(config->write32(at(control_register), go_bit));
        clock.now += 1s;
        Dwords response;
        while ((config->read32(at(status_register)).value_or(0) & ready_bit) != 0) {
            response.push_back(config->read32(at(read_mailbox_register)).value_or(0));
            EXPECT_TRUE(config->write32(at(read_mailbox_register), 0));
        }
        return response;
    }

    VirtualClock clock;
    std::unique_ptr<EmulatedHost> host;
    std::vector<base::Error> problems;
    std::vector<pci::DeviceInfo> devices;
};

TEST_F(TheDemoHost, IsTheEmulatorBackend) {
    EXPECT_EQ(host->backend(), "emulator");
}

TEST_F(TheDemoHost, HasThreeDevicesWithFourMailboxes) {
    EXPECT_THAT(problems, IsEmpty());
    ASSERT_EQ(devices.size(), 3U);
    EXPECT_EQ(devices[0].address, endpoint);
    EXPECT_THAT(devices[0].mailboxes, ElementsAre(DoeCapability{0x190, 1}));
    EXPECT_EQ(devices[1].address, switch_port);
    EXPECT_THAT(devices[1].mailboxes, ElementsAre(DoeCapability{0x1A8, 1}));
    EXPECT_EQ(devices[2].address, accelerator);
    EXPECT_THAT(devices[2].mailboxes,
                ElementsAre(DoeCapability{0x160, 2}, DoeCapability{0x180, 1}));
}

TEST_F(TheDemoHost, TellsWhatTheDevicesAre) {
    ASSERT_EQ(devices.size(), 3U);
    const pci::DeviceInfo& memory = devices[0];
    EXPECT_EQ(memory.vendor_id, 0x8086);
    EXPECT_EQ(memory.device_id, 0x0D93);
    EXPECT_EQ(memory.class_code, 0x050210U);
    EXPECT_EQ(memory.subsystem_vendor_id, 0x8086);
    EXPECT_EQ(memory.subsystem_id, 0x0D93);
    EXPECT_EQ(memory.driver, "");
    EXPECT_EQ(memory.numa_node, 0);
    EXPECT_EQ(memory.iommu_group, 12U);
    const pci::DeviceInfo& bridge = devices[1];
    EXPECT_EQ(bridge.vendor_id, 0x19E5);
    EXPECT_EQ(bridge.device_id, 0xA128);
    EXPECT_EQ(bridge.class_code, 0x060400U);
    EXPECT_EQ(bridge.subsystem_vendor_id, 0);
    EXPECT_EQ(bridge.driver, "pcieport");
    EXPECT_EQ(devices[2].vendor_id, 0xD0ED);
}

TEST_F(TheDemoHost, HasSoundCapabilityChainsWithMoreThanDoeInThem) {
    const auto ids_of = [](const base::Result<pci::CapabilityChain>& chain) {
        std::vector<int> ids;
        EXPECT_TRUE(chain && chain->defect.empty());
        for (const auto& capability : chain->capabilities) {
            ids.push_back(capability.id);
        }
        return ids;
    };
    const auto memory = open(endpoint);
    EXPECT_THAT(ids_of(pci::walk_capabilities(*memory)), ElementsAre(0x11, 0x10));
    EXPECT_THAT(ids_of(pci::walk_extended_capabilities(*memory)),
                ElementsAre(0x01, 0x03, 0x23, 0x2E, 0x23, 0x23));
    const auto bridge = open(switch_port);
    EXPECT_THAT(ids_of(pci::walk_capabilities(*bridge)), ElementsAre(0x05, 0x10));
    EXPECT_THAT(ids_of(pci::walk_extended_capabilities(*bridge)),
                ElementsAre(0x01, 0x03, 0x23, 0x23, 0x2E, 0x23));
    const auto other = open(accelerator);
    EXPECT_THAT(ids_of(pci::walk_extended_capabilities(*other)),
                ElementsAre(0x01, 0x03, 0x2E, 0x2E));
}

TEST_F(TheDemoHost, AnswersOnAllMailboxes) {
    EXPECT_THAT(exchange(endpoint, 0x190, {0x00000001, 3, 1}),
                ElementsAre(0x00000001, 3, 0x00021E98));
    EXPECT_THAT(exchange(endpoint, 0x190, {0x00021E98, 3, 0}),
                ElementsAre(0x00021E98, 7, 0x00010000, 160, testing::_, testing::_, testing::_));
    EXPECT_THAT(exchange(switch_port, 0x1A8, {0x00021E98, 3, 0}),
                ElementsAre(0x00021E98, 7, 0x00010000, 64, testing::_, testing::_, testing::_));
    EXPECT_THAT(exchange(accelerator, 0x160, {0x00010001, 3, 0x8410}),
                ElementsAre(0x00010001, 3, 0x84077F10));
    EXPECT_THAT(exchange(accelerator, 0x180, {echo_header1, 3, 99}),
                ElementsAre(echo_header1, 3, 99));
    EXPECT_THAT(exchange(accelerator, 0x160, {echo_header1, 3, 99}), IsEmpty())
        << "each mailbox has its own protocols";
}

TEST_F(TheDemoHost, GivesItsMailboxesInterruptMessagesInTheirOrder) {
    const auto config = open(accelerator);
    EXPECT_EQ(config->read32(0x160 + capabilities_register).value_or(0), 1U | 0U << 1);
    EXPECT_EQ(config->read32(0x180 + capabilities_register).value_or(0), 1U | 1U << 1);
}

TEST_F(TheDemoHost, RespondsInTheTimeOfTheTopology) {
    const auto config = open(endpoint);
    for (const std::uint32_t dword : {0x00021E98U, 3U, 0U}) {
        ASSERT_TRUE(config->write32(0x190 + write_mailbox_register, dword));
    }
    ASSERT_TRUE(config->write32(0x190 + control_register, go_bit));
    clock.now += 200us - 1ns;
    EXPECT_EQ(config->read32(0x190 + status_register).value_or(1) & ready_bit, 0U);
    clock.now += 1ns;
    EXPECT_EQ(config->read32(0x190 + status_register).value_or(0) & ready_bit, ready_bit);
}

TEST_F(TheDemoHost, HasNoOtherDevice) {
    const auto config = host->open({0, 0x0D, 0, 1});
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code(), Errc::not_found);
    EXPECT_EQ(config.error().context(), "0000:0d:00.1");
}

base::Result<Topology> topology_of(const std::string& devices) {
    return Topology::parse(R"({"version": 1, "devices": [)" + devices + "]}", "t.json", ".");
}

TEST(AnEmulatedHost, LeavesOutDevicesWithoutMailboxes) {
    auto topology = topology_of(R"(
        {"address": "01:00.0", "kind": "custom", "vendor": 1, "device": 2, "class": 3,
         "mailboxes": []})");
    ASSERT_TRUE(topology) << topology.error().message();
    EmulatedHost host(*std::move(topology));
    std::vector<base::Error> problems;
    const auto devices = host.scan(problems);
    ASSERT_TRUE(devices);
    EXPECT_THAT(*devices, IsEmpty());
    EXPECT_THAT(problems, IsEmpty());
    EXPECT_TRUE(host.open({0, 1, 0, 0})) << "the function is there nevertheless";
}

TEST(AnEmulatedHost, ListsDevicesByAddress) {
    auto topology = topology_of(R"(
        {"address": "10000:00:00.0", "kind": "cxl-endpoint"},
        {"address": "02:00.0", "kind": "cxl-endpoint"},
        {"address": "01:1f.7", "kind": "cxl-switch-upstream"})");
    ASSERT_TRUE(topology) << topology.error().message();
    EmulatedHost host(*std::move(topology));
    std::vector<base::Error> problems;
    const auto devices = host.scan(problems);
    ASSERT_TRUE(devices);
    std::vector<std::string> addresses;
    for (const auto& device : *devices) {
        addresses.push_back(device.address.to_string());
    }
    EXPECT_THAT(addresses, ElementsAre("0000:01:1f.7", "0000:02:00.0", "10000:00:00.0"));
}

TEST(AnEmulatedHost, FindsMailboxesAtBothEndsOfExtendedSpace) {
    Topology topology;
    topology.devices.push_back({.address = {0, 1, 0, 0},
                                .vendor_id = 1,
                                .mailboxes = {{.offset = 0x100}, {.offset = 0xFE8}}});
    EmulatedHost host(std::move(topology));
    std::vector<base::Error> problems;
    const auto devices = host.scan(problems);
    ASSERT_TRUE(devices);
    ASSERT_EQ(devices->size(), 1U);
    EXPECT_THAT(devices->front().mailboxes,
                ElementsAre(DoeCapability{0x100, 1}, DoeCapability{0xFE8, 1}));
}

TEST(AnEmulatedHost, GivesItsDevicesTheTimesOfTheTopology) {
    auto topology = topology_of(R"(
        {"address": "01:00.0", "kind": "custom", "vendor": 1, "device": 2, "class": 3,
         "response_time_us": {"min": 100, "max": 900}, "seed": 7, "abort_time_us": 50,
         "access_delay_us": 2, "mailboxes": [{"offset": 256, "protocols": []},
                                             {"offset": 280, "protocols": []}]})");
    ASSERT_TRUE(topology) << topology.error().message();
    VirtualClock clock;
    EmulatedHost host(*std::move(topology), clock.environment());
    const auto config = host.open({0, 1, 0, 0});
    ASSERT_TRUE(config);
    const auto status = [&](std::uint16_t mailbox) {
        const auto at = static_cast<std::uint16_t>(mailbox + status_register);
        return (*config)->read32(at).value_or(pci::all_ones);
    };

    EXPECT_TRUE((*config)->write32(256 + control_register, abort_bit));
    EXPECT_EQ(clock.paused, 2us) << "the access itself";
    EXPECT_EQ(status(256), busy_bit);
    clock.now += 46us;
    EXPECT_EQ(status(256), 0U) << "50 us after the abort";

    for (const auto& [mailbox, seed] : {std::pair<std::uint16_t, unsigned>{256, 7}, {280, 8}}) {
        const auto at = [base = mailbox](std::uint16_t offset) {
            return static_cast<std::uint16_t>(base + offset);
        };
        for (const std::uint32_t dword : {0x00000001U, 3U, 0U}) {
            EXPECT_TRUE((*config)->write32(at(write_mailbox_register), dword));
        }
        EXPECT_TRUE((*config)->write32(at(control_register), go_bit));
        const base::TimePoint ready_at = clock.now + ResponseTime({100us, 900us}, seed).next();
        clock.now = ready_at - 2us - 1ns;
        EXPECT_EQ(status(mailbox) & ready_bit, 0U) << seed;
        clock.now = ready_at - 2us;
        EXPECT_EQ(status(mailbox) & ready_bit, ready_bit) << seed;
    }
}

TEST(AnEmulatedHost, IsNotMadeFromAFileThatIsNotThere) {
    const auto host = EmulatedHost::load("/nowhere/topology.json");
    ASSERT_FALSE(host);
    EXPECT_EQ(host.error().code(), Errc::not_found);
    EXPECT_EQ(host.error().message(), "file /nowhere/topology.json: no such object");
}

}  // namespace
}  // namespace doed::emulator
