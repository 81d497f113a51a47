// SPDX-License-Identifier: Apache-2.0
//
// A discovery whose indices do not lead to its end (PCIe r6.2 6.30.1.1).
#include "faulty_mailbox.hpp"

namespace doed::emulator {
namespace {

constexpr std::uint32_t discovery_header1 = 0x00000001;
constexpr std::uint32_t no_protocol = 0x00FFFFFF;

/// The answer to a discovery of `index`.
std::uint32_t discover(RegisterDriver& doe, std::uint32_t index) {
    const Dwords response = doe.exchange({discovery_header1, 3, index});
    return response.size() == 3 ? response[2] : 0;
}

TEST_F(AFaultyMailbox, ThatLoopsNamesTheIndexThatWasAsked) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::discovery_loops, 1, 3)});
    EXPECT_EQ(discover(doe, 0), 0x01000001U) << "index 0 would be the end";
    EXPECT_EQ(discover(doe, 1), 0x0142D0EDU);
    EXPECT_EQ(discover(doe, 1), 0x0142D0EDU);
    EXPECT_EQ(discover(doe, 1), 0x0042D0EDU) << "over";
    EXPECT_EQ(strikes(FaultKind::discovery_loops), 2U);
}

TEST_F(AFaultyMailbox, ThatLeadsNowhereNamesAnIndexWithoutAProtocol) {
    RegisterDriver doe = make({FaultRule::at(FaultKind::discovery_nowhere, 1, 2)});
    EXPECT_EQ(discover(doe, 0), 0xFF000001U);
    EXPECT_EQ(discover(doe, 1), 0xFF42D0EDU);
    EXPECT_EQ(discover(doe, 0xFF), no_protocol);
    EXPECT_EQ(discover(doe, 0), 0x01000001U);
    EXPECT_EQ(strikes(FaultKind::discovery_nowhere), 2U);
}

TEST_F(AFaultyMailbox, WhoseDiscoveryIsWrongEchoesAsBefore) {
    RegisterDriver doe =
        make({{.kind = FaultKind::discovery_loops}, {.kind = FaultKind::discovery_nowhere}});
    EXPECT_EQ(watch(doe), sound);
    EXPECT_EQ(faults->counts().total(), 0U);
}

}  // namespace
}  // namespace doed::emulator
