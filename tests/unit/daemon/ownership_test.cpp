// SPDX-License-Identifier: Apache-2.0
#include "daemon/ownership.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using base::Errc;

struct Row {
    const char* name;
    OwnershipFacts facts;
    Owner owner;
    Errc refusal;  ///< not looked at when the daemon is the owner
    const char* reason;
};

OwnershipFacts facts(OwnerChoice choice) {
    OwnershipFacts result;
    result.lockdown = LockdownMode::none;
    result.choice = choice;
    return result;
}

OwnershipFacts with_driver(OwnershipFacts result, const char* driver) {
    result.driver = driver;
    return result;
}

OwnershipFacts with_cxl_port(OwnershipFacts result) {
    result.cxl_port = true;
    return with_driver(std::move(result), "cxl_pci");
}

OwnershipFacts with_tsm(OwnershipFacts result) {
    result.tsm_connected = true;
    return result;
}

OwnershipFacts read_only(OwnershipFacts result) {
    result.config_writable = false;
    return result;
}

OwnershipFacts locked(OwnershipFacts result, LockdownMode lockdown = LockdownMode::integrity) {
    result.lockdown = lockdown;
    return result;
}

constexpr auto automatic = OwnerChoice::automatic;
constexpr auto claim = OwnerChoice::claim;

const std::vector<Row>& rows() {
    static const std::vector<Row> table = {
        // Left to the daemon: nobody else uses the mailbox.
        {"no_driver", facts(automatic), Owner::daemon, {}, "no kernel driver is bound"},
        {"a_driver_without_doe",
         with_driver(facts(automatic), "pcieport"),
         Owner::daemon,
         {},
         "driver pcieport does not use the mailbox"},
        {"cxl_pci_without_port",
         with_driver(facts(automatic), "cxl_pci"),
         Owner::daemon,
         {},
         "driver cxl_pci does not use the mailbox"},
        {"lockdown_unknown",
         locked(facts(automatic), LockdownMode::unknown),
         Owner::daemon,
         {},
         "no kernel driver is bound"},
        {"claimed", facts(claim), Owner::daemon, {}, "the configuration claims it"},
        {"claimed_from_cxl",
         with_cxl_port(facts(claim)),
         Owner::daemon,
         {},
         "the configuration claims it although the kernel has a CXL port for the device (driver "
         "cxl_pci)"},

        // Left to the kernel.
        {"cxl_port", with_cxl_port(facts(automatic)), Owner::kernel, Errc::kernel_owned,
         "the kernel has a CXL port for the device (driver cxl_pci)"},
        {"tsm_connected", with_tsm(facts(automatic)), Owner::kernel, Errc::kernel_owned,
         "the kernel's TSM is connected to the device"},
        {"kernel_by_configuration", facts(OwnerChoice::kernel), Owner::kernel, Errc::kernel_owned,
         "the configuration leaves it to the kernel"},
        {"cxl_port_under_lockdown", locked(with_cxl_port(facts(automatic))), Owner::kernel,
         Errc::kernel_owned, "the kernel has a CXL port for the device (driver cxl_pci)"},
        {"claimed_from_cxl_under_lockdown", locked(with_cxl_port(facts(claim))), Owner::kernel,
         Errc::kernel_owned,
         "the kernel has a CXL port for the device (driver cxl_pci), and kernel lockdown "
         "(integrity) forbids config "
         "space writes"},

        // Left to nobody.
        {"integrity", locked(facts(automatic)), Owner::none, Errc::lockdown,
         "kernel lockdown (integrity) forbids config space writes"},
        {"confidentiality", locked(facts(automatic), LockdownMode::confidentiality), Owner::none,
         Errc::lockdown, "kernel lockdown (confidentiality) forbids config space writes"},
        {"claimed_under_lockdown", locked(facts(claim)), Owner::none, Errc::lockdown,
         "kernel lockdown (integrity) forbids config space writes"},
        {"read_only", read_only(facts(automatic)), Owner::none, Errc::access_denied,
         "config space is not writable for this process"},
        {"ignored", facts(OwnerChoice::ignore), Owner::none, Errc::not_supported,
         "the configuration says ignore"},
        {"ignored_with_cxl_port", with_cxl_port(facts(OwnerChoice::ignore)), Owner::none,
         Errc::not_supported, "the configuration says ignore"},
    };
    return table;
}

class TheDecision : public testing::TestWithParam<Row> {};

TEST_P(TheDecision, FollowsTheTable) {
    const auto& row = GetParam();
    const Ownership ownership = decide_ownership(row.facts);
    EXPECT_EQ(to_string(ownership.owner), to_string(row.owner));
    EXPECT_EQ(ownership.reason, row.reason);
    if (row.owner != Owner::daemon) {
        EXPECT_EQ(ownership.refusal, row.refusal);
    }
}

INSTANTIATE_TEST_SUITE_P(Rows, TheDecision, testing::ValuesIn(rows()),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace doed::daemon
