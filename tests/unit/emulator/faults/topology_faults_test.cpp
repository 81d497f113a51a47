// SPDX-License-Identifier: Apache-2.0
//
// Fault scripts from topology files: what they say, what is refused and where, and the one that comes with the sources.
#include "emulator/topology_faults.hpp"

#include "../register_driver.hpp"
#include "emulator/emulated_host.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::emulator {
namespace {

using testing::ElementsAre;

base::Result<Topology> parse_faults(const std::string& faults,
                                    const std::string& protocols = R"("1e98:02")") {
    return Topology::parse(
        R"({"version": 1, "devices": [{"address": "01:00.0", "kind": "cxl-endpoint", )"
        R"("mailboxes": [{"offset": 256, "protocols": [)" +
            protocols + R"(], "faults": )" + faults + "}]}]}",
        "t.json", ".");
}

std::string problem_of(const base::Result<Topology>& topology) {
    return topology ? "" : topology.error().context();
}

TEST(AFaultInATopologyFile, SaysKindPositionWindowAndParameters) {
    const auto topology = parse_faults(R"([
        {"kind": "never-ready", "at": 3},
        {"kind": "error-in-read", "at": 4, "count": 5, "dwords": 6},
        {"kind": "abort-hangs", "rate": 0.25, "count": 7, "from_us": 10, "until_us": 20},
        {"kind": "busy", "rate": 1, "time_us": 8}
    ])");
    ASSERT_TRUE(topology) << topology.error().message();
    EXPECT_THAT(
        topology->devices.front().mailboxes.front().faults,
        ElementsAre(
            FaultRule{.kind = FaultKind::never_ready, .first = 3, .last = 3, .count = 1},
            FaultRule{
                .kind = FaultKind::error_in_read, .first = 4, .last = 8, .count = 5, .dwords = 6},
            FaultRule{.kind = FaultKind::abort_hangs,
                      .rate = 0.25,
                      .count = 7,
                      .from = 10us,
                      .until = 20us},
            FaultRule{.kind = FaultKind::busy, .time = 8us}));
}

TEST(AFaultInATopologyFile, CanBeOfEveryKind) {
    for (const FaultTraits& traits : all_fault_traits()) {
        const auto topology = parse_faults(
            R"([{"kind": ")" + std::string(traits.name) + R"(", "at": 1)" +
            (traits.time == FaultParameter::unused ? "" : R"(, "time_us": 1)") +
            (traits.dwords == FaultParameter::unused ? "" : R"(, "dwords": 1)") + "}]");
        ASSERT_TRUE(topology) << topology.error().message();
        EXPECT_EQ(topology->devices.front().mailboxes.front().faults.front().kind, traits.kind);
        EXPECT_NE(EmulatedHost(*topology).device({0, 1, 0, 0}), nullptr) << "can be carried out";
    }
}

TEST(TheDocumentationOfTopologyFiles, NamesEveryKindOfFault) {
    std::ifstream file(std::string(DOED_TOPOLOGIES) + "/../../docs/topology.md");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (const FaultTraits& traits : all_fault_traits()) {
        EXPECT_THAT(text, testing::HasSubstr("| `" + std::string(traits.name) + "`"));
    }
}

struct Refusal {
    const char* name;
    std::string faults;
    std::string problem;  ///< behind the place of the mailbox's faults
};

std::ostream& operator<<(std::ostream& out, const Refusal& refusal) {
    return out << refusal.faults;
}

class ARefusedFault : public testing::TestWithParam<Refusal> {};

TEST_P(ARefusedFault, SaysWhereAndWhatWasExpected) {
    const auto topology = parse_faults(GetParam().faults);
    ASSERT_FALSE(topology);
    EXPECT_EQ(topology.error().code(), base::Errc::invalid_argument);
    EXPECT_EQ(problem_of(topology), "t.json: /devices/0/mailboxes/0/faults" + GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    Every, ARefusedFault,
    testing::Values(
        Refusal{"NoArray", R"({"kind": "busy"})", ": expected an array, found an object"},
        Refusal{"NoObject", R"(["busy"])", R"(/0: expected an object, found "busy")"},
        Refusal{"UnknownKey", R"([{"kind": "never-ready", "at": 1, "nth": 1}])",
                R"(/0/nth: unknown key; known here are "kind", "at", "rate", "count", "from_us", )"
                R"("until_us", "time_us", "dwords")"},
        Refusal{"NoKind", R"([{"at": 1}])", R"(/0: the key "kind" is missing)"},
        Refusal{"NeitherAtNorRate", R"([{"kind": "never-ready", "count": 1}])",
                R"(/0: has neither "at" nor "rate")"},
        Refusal{"BothAtAndRate", R"([{"kind": "never-ready", "at": 1, "rate": 1}])",
                R"(/0: has both "at" and "rate")"},
        Refusal{"AtZero", R"([{"kind": "never-ready", "at": 0}])",
                "/0/at: expected a whole number from 1 to 9223372036854775807, found 0"},
        Refusal{"RateAboveOne", R"([{"kind": "never-ready", "rate": 1.5}])",
                "/0/rate: expected a number from 0 to 1, found 1.5"},
        Refusal{"CountZero", R"([{"kind": "never-ready", "rate": 1, "count": 0}])",
                "/0/count: expected a whole number from 1 to 9223372036854775807, found 0"},
        Refusal{"UntilBeforeFrom",
                R"([{"kind": "never-ready", "rate": 1, "from_us": 5, "until_us": 5}])",
                R"(/0/until_us: not after "from_us")"},
        Refusal{"TimeTooLong", R"([{"kind": "busy", "at": 1, "time_us": 86400000001}])",
                "/0/time_us: expected a whole number from 0 to 86400000000, found 86400000001"},
        Refusal{"NoTime", R"([{"kind": "late-ready", "at": 1}])",
                R"(/0: the key "time_us" is missing)"},
        Refusal{"TimeOfNoUse", R"([{"kind": "never-ready", "at": 1, "time_us": 1}])",
                R"(/0/time_us: a fault of kind "never-ready" has none)"},
        Refusal{"DwordsOfNoUse", R"([{"kind": "never-ready", "at": 1, "dwords": 1}])",
                R"(/0/dwords: a fault of kind "never-ready" has none)"},
        Refusal{"DwordsTooMany", R"([{"kind": "huge-object", "at": 1, "dwords": 262145}])",
                "/0/dwords: expected a whole number from 1 to 262144, found 262145"},
        Refusal{"TheSecond", R"([{"kind": "never-ready", "at": 1}, {"kind": "busy", "at": 1}])",
                R"(/1: the key "time_us" is missing)"}),
    [](const auto& test) { return test.param.name; });

TEST(ARefusedFault, OfAnUnknownKindNamesTheKindsThereAre) {
    const std::string problem = problem_of(parse_faults(R"([{"kind": "late", "at": 1}])"));
    EXPECT_THAT(problem, testing::StartsWith("t.json: /devices/0/mailboxes/0/faults/0/kind: "
                                             "expected one of \"busy\", \"stuck-busy\", "));
    EXPECT_THAT(problem, testing::EndsWith("\"access-fails\", found \"late\""));
}

TEST(ARefusedFault, OfATableNeedsOne) {
    EXPECT_EQ(problem_of(parse_faults(R"([{"kind": "table-changes", "at": 1}])", "")),
              "t.json: /devices/0/mailboxes/0/faults/0/kind: the mailbox does not have the "
              "protocol 1e98:02");
}

TEST(ARefusedFault, IsTheSixtyFifth) {
    const auto faults = [](int number) {
        std::string list;
        for (int i = 0; i < number; ++i) {
            list += std::string(i == 0 ? "" : ", ") + R"({"kind": "never-ready", "at": 1})";
        }
        return "[" + list + "]";
    };
    EXPECT_EQ(problem_of(parse_faults(faults(64))), "");
    EXPECT_EQ(problem_of(parse_faults(faults(65))),
              "t.json: /devices/0/mailboxes/0/faults: more than 64 faults");
}

// Reads tables for as long as it takes to meet what goes wrong, and aborts when something does.
class ARequester {
public:
    ARequester(VirtualClock& clock, std::shared_ptr<Device> device, std::uint16_t mailbox)
        : clock_(clock), device_(std::move(device)), mailbox_(mailbox) {}

    void read_table() {
        constexpr int most_entries = 16;
        constexpr std::uint32_t table_access_header1 = 0x00021E98;
        std::uint32_t handle = 0;
        for (int i = 0; i < most_entries && handle != 0xFFFF; ++i) {
            const Dwords response = exchange({table_access_header1, 3, handle << 16});
            if (response.size() < 3) {
                break;
            }
            handle = response[2] >> 16;
        }
        abort();
    }

private:
    [[nodiscard]] std::uint32_t read(std::uint16_t offset) {
        return device_->read32(static_cast<std::uint16_t>(mailbox_ + offset)).value_or(error_bit);
    }
    void write(std::uint16_t offset, std::uint32_t value) {
        static_cast<void>(device_->write32(static_cast<std::uint16_t>(mailbox_ + offset), value));
    }
    [[nodiscard]] Dwords exchange(const Dwords& request) {
        for (const auto dword : request) {
            write(write_mailbox_register, dword);
        }
        write(control_register, go_bit);
        clock_.now += 1s;
        Dwords response;
        while ((read(status_register) & (error_bit | ready_bit)) == ready_bit &&
               response.size() < length_of(response)) {
            response.push_back(read(read_mailbox_register));
            write(read_mailbox_register, 0);
        }
        if ((read(status_register) & (error_bit | ready_bit)) != 0) {
            return {};
        }
        return response;
    }
    static std::size_t length_of(const Dwords& begun) {
        constexpr std::size_t longest = 64;
        return begun.size() < 2 ? 2 : std::min<std::size_t>(begun[1], longest);
    }
    void abort() {
        write(control_register, abort_bit);
        clock_.now += 1s;
    }

    VirtualClock& clock_;
    std::shared_ptr<Device> device_;
    std::uint16_t mailbox_;
};

// Every rule of the file is met by somebody who reads tables again and again; the sound device beside them stays sound.
TEST(TheHostOfFaults, MisbehavesInEveryWayItsFileSays) {
    auto topology = Topology::load(std::string(DOED_TOPOLOGIES) + "/faults.json");
    ASSERT_TRUE(topology) << topology.error().message();
    VirtualClock clock;
    EmulatedHost host(*topology, clock.environment());
    std::vector<base::Error> problems;
    const auto devices = host.scan(problems);
    ASSERT_TRUE(devices) << devices.error().message();
    EXPECT_THAT(problems, testing::IsEmpty());
    EXPECT_EQ(devices->size(), topology->devices.size());
    ASSERT_GE(devices->size(), 10U);
    FaultCounts all;
    for (const DeviceTopology& device : topology->devices) {
        const MailboxTopology& mailbox = device.mailboxes.front();
        const auto emulated = host.device(device.address);
        ARequester requester(clock, emulated, mailbox.offset);
        for (int round = 0; round < 100; ++round) {
            requester.read_table();
        }
        const FaultCounts counts = emulated->fault_counts();
        for (const FaultTraits& traits : all_fault_traits()) {
            const bool scripted = std::ranges::find(mailbox.faults, traits.kind,
                                                    &FaultRule::kind) != mailbox.faults.end();
            EXPECT_EQ(counts.of(traits.kind) != 0, scripted)
                << device.address.to_string() << ' ' << traits.name;
        }
        all += counts;
    }
    EXPECT_EQ(host.fault_counts(), all);
}

TEST(AnEmulatedHost, HasNoDeviceWhereThereIsNone) {
    EXPECT_EQ(EmulatedHost(Topology{}).device({0, 1, 0, 0}), nullptr);
}

}  // namespace
}  // namespace doed::emulator
