// SPDX-License-Identifier: Apache-2.0
#include "emulator/topology.hpp"

#include "cdat/table_builder.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// A directory with topology files and tables, gone after the test.
class ATopologyFile : public testing::Test {
protected:
    ATopologyFile() {
        std::string path = testing::TempDir() + "doed-topology-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr) {
            throw std::runtime_error("cannot create " + path);
        }
        directory = path;
    }
    ~ATopologyFile() override {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }

    void write(const std::string& name, const std::string& content) const {
        std::ofstream file(directory / name, std::ios::binary);
        file << content;
        ASSERT_TRUE(file.flush()) << name;
    }
    [[nodiscard]] base::Result<Topology> load(const std::string& content) const {
        write("t.json", content);
        return Topology::load(directory / "t.json");
    }
    [[nodiscard]] base::Result<Topology> load_device(const std::string& device) const {
        return load(R"({"version": 1, "devices": [)" + device + "]}");
    }
    /// What the message says behind the file's name; empty when there is no error.
    [[nodiscard]] std::string problem_of(const base::Result<Topology>& topology) const {
        if (topology) {
            return {};
        }
        const std::string& context = topology.error().context();
        const std::string prefix = (directory / "t.json").string() + ": ";
        return context.starts_with(prefix) ? context.substr(prefix.size()) : context;
    }

    std::filesystem::path directory;
};

TEST_F(ATopologyFile, MayHaveNoDevices) {
    const auto topology = load(R"({"version": 1, "devices": []})");
    ASSERT_TRUE(topology) << topology.error().message();
    EXPECT_THAT(topology->devices, IsEmpty());
}

TEST_F(ATopologyFile, SaysEverythingAboutADevice) {
    write("table.cdat", std::string(20, 'x'));
    const auto topology = load_device(R"({
        "address": "0001:3b:1f.7", "kind": "custom", "vendor": "0xd0ed", "device": 4711,
        "subsystem_vendor": "0x1af4", "subsystem_device": "0x1100", "class": "0x120000",
        "driver": "vfio-pci", "numa_node": 3, "iommu_group": 27,
        "response_time_us": {"min": 10, "max": 20}, "abort_time_us": 30, "access_delay_us": 1,
        "seed": 18446744073709551615, "cdat": "table.cdat",
        "mailboxes": [
            {"offset": "0x100", "capability_version": 2, "protocols": ["0001:01", "1e98:02"],
             "busy_while_processing": true},
            {"offset": 4072, "protocols": []}
        ]})");
    ASSERT_TRUE(topology) << topology.error().message();
    ASSERT_EQ(topology->devices.size(), 1U);
    const DeviceTopology& device = topology->devices.front();
    EXPECT_EQ(device.address, (pci::Address{1, 0x3B, 0x1F, 7}));
    EXPECT_EQ(device.kind, DeviceKind::custom);
    EXPECT_EQ(device.vendor_id, 0xD0ED);
    EXPECT_EQ(device.device_id, 4711);
    EXPECT_EQ(device.subsystem_vendor_id, 0x1AF4);
    EXPECT_EQ(device.subsystem_id, 0x1100);
    EXPECT_EQ(device.class_code, 0x120000U);
    EXPECT_EQ(device.driver, "vfio-pci");
    EXPECT_EQ(device.numa_node, 3);
    EXPECT_EQ(device.iommu_group, 27U);
    EXPECT_EQ(device.response_time, (ResponseTimeRange{10us, 20us}));
    EXPECT_EQ(device.abort_time, 30us);
    EXPECT_EQ(device.access_delay, 1us);
    EXPECT_EQ(device.seed, 18446744073709551615U);
    EXPECT_EQ(device.cdat, std::vector<std::uint8_t>(20, 'x'));
    ASSERT_EQ(device.mailboxes.size(), 2U);
    EXPECT_EQ(device.mailboxes[0].offset, 0x100);
    EXPECT_EQ(device.mailboxes[0].capability_version, 2);
    EXPECT_THAT(device.mailboxes[0].protocols,
                ElementsAre(doe::Protocol{1, 1}, doe::Protocol{0x1E98, 2}));
    EXPECT_TRUE(device.mailboxes[0].busy_while_processing);
    EXPECT_EQ(device.mailboxes[1].offset, 0xFE8);
    EXPECT_EQ(device.mailboxes[1].capability_version, 1);
    EXPECT_THAT(device.mailboxes[1].protocols, IsEmpty());
    EXPECT_FALSE(device.mailboxes[1].busy_while_processing);
}

TEST_F(ATopologyFile, LeavesTheRestOfACxlEndpointToItsKind) {
    const auto topology = load_device(R"({"address": "0d:00.0", "kind": "cxl-endpoint"})");
    ASSERT_TRUE(topology) << topology.error().message();
    const DeviceTopology& device = topology->devices.front();
    EXPECT_EQ(device.vendor_id, 0x8086);
    EXPECT_EQ(device.device_id, 0x0D93);
    EXPECT_EQ(device.subsystem_vendor_id, 0x8086);
    EXPECT_EQ(device.subsystem_id, 0x0D93);
    EXPECT_EQ(device.class_code, 0x050210U);
    EXPECT_FALSE(device.is_bridge());
    EXPECT_EQ(device.driver, "");
    EXPECT_EQ(device.numa_node, -1);
    EXPECT_EQ(device.iommu_group, std::nullopt);
    EXPECT_EQ(device.response_time, (ResponseTimeRange{1ms, 1ms}));
    EXPECT_EQ(device.seed, 1U);
    EXPECT_EQ(device.cdat, cdat::default_endpoint_table(256ULL << 20));
    ASSERT_EQ(device.mailboxes.size(), 1U);
    EXPECT_EQ(device.mailboxes[0].offset, 0x190);
    EXPECT_THAT(device.mailboxes[0].protocols, ElementsAre(doe::Protocol{0x1E98, 2}));
}

TEST_F(ATopologyFile, LeavesTheRestOfACxlSwitchPortToItsKind) {
    const auto topology = load_device(R"({"address": "0e:00.0", "kind": "cxl-switch-upstream"})");
    ASSERT_TRUE(topology) << topology.error().message();
    const DeviceTopology& device = topology->devices.front();
    EXPECT_EQ(device.vendor_id, 0x19E5);
    EXPECT_EQ(device.device_id, 0xA128);
    EXPECT_EQ(device.class_code, 0x060400U);
    EXPECT_TRUE(device.is_bridge());
    EXPECT_EQ(device.subsystem_vendor_id, 0);
    EXPECT_EQ(device.cdat, cdat::default_switch_table());
    ASSERT_EQ(device.mailboxes.size(), 1U);
    EXPECT_EQ(device.mailboxes[0].offset, 0x1A8);
}

TEST_F(ATopologyFile, PutsTheMemorySizeIntoTheDefaultTable) {
    const auto topology = load_device(
        R"({"address": "0d:00.0", "kind": "cxl-endpoint", "memory_size": "0x40000000"})");
    ASSERT_TRUE(topology) << topology.error().message();
    EXPECT_EQ(topology->devices.front().cdat, cdat::default_endpoint_table(1ULL << 30));
}

TEST_F(ATopologyFile, NamesTablesFromItsOwnDirectoryOrFromTheRoot) {
    write("table.cdat", std::string(16, 'a'));
    const std::string absolute = (directory / "table.cdat").string();
    for (const std::string& name : {std::string("table.cdat"), absolute}) {
        const auto topology = load_device(
            R"({"address": "0d:00.0", "kind": "cxl-endpoint", "cdat": ")" + name + "\"}");
        ASSERT_TRUE(topology) << topology.error().message();
        EXPECT_EQ(topology->devices.front().cdat, std::vector<std::uint8_t>(16, 'a'));
    }
}

TEST_F(ATopologyFile, ThatIsNotThereIsNotFound) {
    const auto topology = Topology::load(directory / "none.json");
    ASSERT_FALSE(topology);
    EXPECT_EQ(topology.error().code(), Errc::not_found);
    EXPECT_EQ(topology.error().message(),
              "file " + (directory / "none.json").string() + ": no such object");
}

TEST_F(ATopologyFile, ThatIsADirectoryIsNotRead) {
    const auto topology = Topology::load(directory);
    ASSERT_FALSE(topology);
    EXPECT_EQ(topology.error().code(), Errc::io);
    EXPECT_EQ(topology.error().context(), "file " + directory.string() + ": not a regular file");
}

struct Refusal {
    const char* name;
    std::string content;
    std::string problem;
};

std::ostream& operator<<(std::ostream& out, const Refusal& refusal) {
    return out << refusal.content;
}

std::string with_device(const std::string& device) {
    return R"({"version": 1, "devices": [)" + device + "]}";
}

// A device that is fine but for what is added to it.
std::string custom(const std::string& members) {
    return with_device(
        R"({"address": "01:00.0", "kind": "custom", "vendor": 1, "device": 2, "class": 3,)" +
        members + "}");
}
std::string endpoint(const std::string& members) {
    return with_device(R"({"address": "01:00.0", "kind": "cxl-endpoint", )" + members + "}");
}
std::string mailbox(const std::string& members) {
    return custom(R"("mailboxes": [{)" + members + "}]");
}

class ARefusedTopology : public ATopologyFile, public testing::WithParamInterface<Refusal> {};

TEST_P(ARefusedTopology, SaysWhereAndWhatWasExpected) {
    write("short.cdat", "15 bytes, no mo");
    write("huge.cdat", std::string((1U << 20) + 1, '\0'));
    const auto topology = load(GetParam().content);
    ASSERT_FALSE(topology);
    EXPECT_EQ(topology.error().code(), Errc::invalid_argument);
    std::string problem = problem_of(topology);
    // Tables are named with their directory, which is another in every run.
    if (const auto at = problem.find(directory.string()); at != std::string::npos) {
        problem.replace(at, directory.string().size(), "DIR");
    }
    EXPECT_EQ(problem, GetParam().problem);
    EXPECT_EQ(topology.error().message().find('\n'), std::string::npos);
}

// The words are the JSON library's, and differ from one of its versions to the next.
TEST_F(ATopologyFile, RefusesAnEmptyFile) {
    const auto topology = load("");
    ASSERT_FALSE(topology);
    EXPECT_EQ(topology.error().code(), Errc::invalid_argument);
    EXPECT_THAT(problem_of(topology), StartsWith("parse error"));
}

constexpr const char* known_device_keys =
    R"("address", "kind", "vendor", "device", "subsystem_vendor", "subsystem_device", "class", )"
    R"("driver", "numa_node", "iommu_group", "response_time_us", "abort_time_us", )"
    R"("access_delay_us", "seed", "memory_size", "cdat", "mailboxes")";
constexpr const char* id_expected =
    R"(expected a whole number, or a string such as "0x1a", from 0 to 65535, found )";

INSTANTIATE_TEST_SUITE_P(
    Document, ARefusedTopology,
    testing::Values(
        Refusal{"BadSyntax", "{\n  \"version\": 1,\n  \"devices\": [}\n",
                "parse error at line 3, column 15: syntax error while parsing value - unexpected "
                "'}'; expected '[', '{', or a literal"},
        Refusal{"Array", "[]", "top level: expected an object, found an array"},
        Refusal{"NoVersion", R"({"devices": []})", "top level: the key \"version\" is missing"},
        Refusal{"OtherVersion", R"({"version": 2, "devices": []})",
                "/version: expected a whole number from 1 to 1, found 2"},
        Refusal{"NoDevices", R"({"version": 1})", "top level: the key \"devices\" is missing"},
        Refusal{"DevicesObject", R"({"version": 1, "devices": {}})",
                "/devices: expected an array, found an object"},
        Refusal{"UnknownKey", R"({"version": 1, "devices": [], "device": []})",
                R"(/device: unknown key; known here are "version", "devices")"},
        Refusal{"RepeatedKey", R"({"version": 1, "version": 1, "devices": []})",
                "/version: the key appears twice"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Device, ARefusedTopology,
    testing::Values(
        Refusal{"NoObject", with_device("7"), "/devices/0: expected an object, found 7"},
        Refusal{"UnknownKey", endpoint(R"("vendr": 1)"),
                std::string("/devices/0/vendr: unknown key; known here are ") + known_device_keys},
        Refusal{"NoAddress", with_device(R"({"kind": "cxl-endpoint"})"),
                "/devices/0: the key \"address\" is missing"},
        Refusal{
            "BadAddress", with_device(R"({"address": "0d:20.0", "kind": "cxl-endpoint"})"),
            R"(/devices/0/address: expected a PCI address such as "0000:0d:00.0", found "0d:20.0")"},
        Refusal{"NumberAsAddress", with_device(R"({"address": 1, "kind": "cxl-endpoint"})"),
                "/devices/0/address: expected a string, found 1"},
        Refusal{"SameAddress", with_device(R"({"address": "01:00.0", "kind": "cxl-endpoint"},
                               {"address": "0000:01:00.0", "kind": "cxl-endpoint"})"),
                "/devices/1/address: another device has the address 0000:01:00.0"},
        Refusal{"NoKind", with_device(R"({"address": "01:00.0"})"),
                "/devices/0: the key \"kind\" is missing"},
        Refusal{
            "OtherKind", with_device(R"({"address": "01:00.0", "kind": "nvme"})"),
            R"(/devices/0/kind: expected one of "cxl-endpoint", "cxl-switch-upstream", "custom", )"
            R"(found "nvme")"},
        Refusal{"CustomWithoutVendor", with_device(R"({"address": "01:00.0", "kind": "custom"})"),
                "/devices/0: the key \"vendor\" is missing"},
        Refusal{
            "VendorOfNobody", endpoint(R"("vendor": "0xffff")"),
            R"(/devices/0/vendor: expected a whole number, or a string such as "0x1a", from 0 to )"
            R"(65534, found "0xffff")"},
        Refusal{"HexWithoutPrefix", endpoint(R"("device": "0d93")"),
                std::string("/devices/0/device: ") + id_expected + "\"0d93\""},
        Refusal{"DeviceTooLarge", endpoint(R"("device": 65536)"),
                std::string("/devices/0/device: ") + id_expected + "65536"},
        Refusal{
            "ClassTooLarge", endpoint(R"("class": "0x1000000")"),
            R"(/devices/0/class: expected a whole number, or a string such as "0x1a", from 0 to )"
            R"(16777215, found "0x1000000")"},
        Refusal{"SubsystemOfABridge", endpoint(R"("class": "0x060400", "subsystem_device": 1)"),
                "/devices/0/subsystem_device: a bridge (class 0x0604xx) has no subsystem"},
        Refusal{"DriverNotAString", endpoint(R"("driver": null)"),
                "/devices/0/driver: expected a string, found null"},
        Refusal{"NumaNodeTooLow", endpoint(R"("numa_node": -2)"),
                "/devices/0/numa_node: expected a whole number from -1 to 2147483647, found -2"},
        Refusal{"IommuGroupNegative", endpoint(R"("iommu_group": -1)"),
                "/devices/0/iommu_group: expected a whole number from 0 to 4294967295, found -1"},
        Refusal{
            "SeedNotWhole", endpoint(R"("seed": 1.5)"),
            "/devices/0/seed: expected a whole number from 0 to 18446744073709551615, found 1.5"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Timing, ARefusedTopology,
    testing::Values(
        Refusal{
            "ResponseTimeAWord", endpoint(R"("response_time_us": "fast")"),
            R"(/devices/0/response_time_us: expected a whole number of microseconds, or an object )"
            R"(with "min" and "max", found "fast")"},
        Refusal{"ResponseTimeTooLong", endpoint(R"("response_time_us": 60000001)"),
                "/devices/0/response_time_us: expected a whole number from 0 to 60000000, found "
                "60000001"},
        Refusal{"ResponseTimeWithoutMax", endpoint(R"("response_time_us": {"min": 1})"),
                "/devices/0/response_time_us: the key \"max\" is missing"},
        Refusal{"ResponseTimeUpsideDown", endpoint(R"("response_time_us": {"min": 2, "max": 1})"),
                R"(/devices/0/response_time_us: "min" is above "max")"},
        Refusal{"AbortTimeNegative", endpoint(R"("abort_time_us": -1)"),
                "/devices/0/abort_time_us: expected a whole number from 0 to 60000000, found -1"},
        Refusal{
            "AccessDelayAString", endpoint(R"("access_delay_us": "1")"),
            R"(/devices/0/access_delay_us: expected a whole number from 0 to 60000000, found "1")"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Table, ARefusedTopology,
    testing::Values(
        Refusal{"NotThere", endpoint(R"("cdat": "none.cdat")"),
                "/devices/0/cdat: cannot read the table: file DIR/none.cdat: no such object"},
        Refusal{
            "TooShort", endpoint(R"("cdat": "short.cdat")"),
            "/devices/0/cdat: the table DIR/short.cdat has 15 bytes, less than its header of 16"},
        Refusal{
            "TooLong", endpoint(R"("cdat": "huge.cdat")"),
            "/devices/0/cdat: cannot read the table: file DIR/huge.cdat: more than 1048576 bytes: "
            "the result is too large for this call"},
        Refusal{"NobodyServesIt", endpoint(R"("cdat": "default", "mailboxes": [])"),
                "/devices/0/cdat: no mailbox of the device has the protocol 1e98:02 to serve it"},
        Refusal{
            "CustomDefault",
            custom(
                R"("cdat": "default", "mailboxes": [{"offset": 256, "protocols": ["1e98:02"]}])"),
            R"(/devices/0/cdat: expected the file of a table, a "custom" device has no default, )"
            R"(found "default")"},
        Refusal{"CustomWithout",
                custom(R"("mailboxes": [{"offset": 256, "protocols": ["1e98:02"]}])"),
                "/devices/0: the key \"cdat\" is missing"},
        Refusal{"MemoryOfACustomDevice", custom(R"("memory_size": 268435456, "mailboxes": [])"),
                R"(/devices/0/memory_size: only devices of kind "cxl-endpoint" have memory)"},
        Refusal{
            "MemoryNotInGranules", endpoint(R"("memory_size": 268435457)"),
            "/devices/0/memory_size: expected a multiple of 268435456 (256 MiB), found 268435457"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Mailbox, ARefusedTopology,
    testing::Values(
        Refusal{"None", custom(R"("driver": "")"), "/devices/0: the key \"mailboxes\" is missing"},
        Refusal{"UnknownKey", mailbox(R"("offset": 256, "protocols": [], "fault": [])"),
                R"(/devices/0/mailboxes/0/fault: unknown key; known here are "offset", )"
                R"("capability_version", "protocols", "busy_while_processing", "faults")"},
        Refusal{"NoOffset", mailbox(R"("protocols": [])"),
                "/devices/0/mailboxes/0: the key \"offset\" is missing"},
        Refusal{
            "BelowExtendedSpace", mailbox(R"("offset": 252, "protocols": [])"),
            R"(/devices/0/mailboxes/0/offset: expected a whole number, or a string such as "0x1a", )"
            R"(from 256 to 4072, found 252)"},
        Refusal{"NotAligned", mailbox(R"("offset": "0x192", "protocols": [])"),
                R"(/devices/0/mailboxes/0/offset: expected a multiple of 4, found "0x192")"},
        Refusal{
            "Overlapping",
            custom(
                R"("mailboxes": [{"offset": 256, "protocols": []}, {"offset": 276, "protocols": []}])"),
            "/devices/0/mailboxes/1/offset: overlaps another mailbox of the device, each takes 24 "
            "bytes"},
        Refusal{"VersionZero",
                mailbox(R"("offset": 256, "capability_version": 0, "protocols": [])"),
                "/devices/0/mailboxes/0/capability_version: expected a whole number from 1 to 15, "
                "found 0"},
        Refusal{"NoProtocols", mailbox(R"("offset": 256)"),
                "/devices/0/mailboxes/0: the key \"protocols\" is missing"},
        Refusal{
            "OtherProtocol", mailbox(R"("offset": 256, "protocols": ["0001:01", "0001:00"])"),
            R"(/devices/0/mailboxes/0/protocols/1: expected "0001:01" (CMA/SPDM), "1e98:02" (CDAT) )"
            R"(or "d0ed:42" (echo), found "0001:00")"},
        Refusal{"SameProtocol", mailbox(R"("offset": 256, "protocols": ["0001:01", "0001:01"])"),
                "/devices/0/mailboxes/0/protocols/1: the mailbox has 0001:01 twice"}),
    [](const auto& test) { return test.param.name; });

TEST_F(ATopologyFile, ReportsTheFirstOfManyMistakes) {
    const auto topology = load(endpoint(R"("vendor": -1, "driver": 2, "mailboxes": 3)"));
    EXPECT_EQ(
        problem_of(topology),
        R"(/devices/0/vendor: expected a whole number, or a string such as "0x1a", from 0 to )"
        R"(65534, found -1)");
}

TEST_F(ATopologyFile, HasAtMost32MailboxesPerDevice) {
    const auto device_with = [](int mailboxes) {
        std::string list;
        for (int i = 0; i < mailboxes; ++i) {
            list += std::string(i == 0 ? "" : ", ") + R"({"protocols": [], "offset": )" +
                    std::to_string(256 + 24 * i) + "}";
        }
        return custom(R"("mailboxes": [)" + list + "]");
    };
    EXPECT_EQ(problem_of(load(device_with(32))), "");
    EXPECT_EQ(problem_of(load(device_with(33))), "/devices/0/mailboxes: more than 32 mailboxes");
}

}  // namespace
}  // namespace doed::emulator
