// SPDX-License-Identifier: Apache-2.0
#include "daemon/ownership.hpp"

#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace doed::daemon {
namespace {

using base::Errc;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

struct Row {
    const char* name;
    OwnershipFacts facts;
    Owner owner;
    Errc refusal;  ///< not looked at when the mailbox is ours
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

OwnershipFacts with_vfio(OwnershipFacts result) {
    return with_driver(std::move(result), "vfio-pci");
}

constexpr auto automatic = OwnerChoice::automatic;
constexpr auto claim = OwnerChoice::claim;
constexpr auto kernel = OwnerChoice::kernel;
constexpr auto ignore = OwnerChoice::ignore;
constexpr auto integrity = LockdownMode::integrity;
constexpr auto confidentiality = LockdownMode::confidentiality;

const std::vector<Row>& rows() {
    static const std::vector<Row> table = {
        // Driven through VFIO: what locks and protects sysfs does not concern it.
        {"vfio", with_vfio(facts(automatic)), Owner::vfio, {}, "the device is bound to vfio-pci"},
        {"vfio_claimed",
         with_vfio(facts(claim)),
         Owner::vfio,
         {},
         "the device is bound to vfio-pci"},
        {"vfio_under_integrity",
         locked(with_vfio(facts(automatic)), integrity),
         Owner::vfio,
         {},
         "the device is bound to vfio-pci"},
        {"vfio_under_confidentiality",
         locked(with_vfio(facts(automatic)), confidentiality),
         Owner::vfio,
         {},
         "the device is bound to vfio-pci"},
        {"vfio_with_a_read_only_config",
         read_only(with_vfio(facts(automatic))),
         Owner::vfio,
         {},
         "the device is bound to vfio-pci"},
        {"vfio_claimed_from_tsm",
         with_tsm(with_vfio(facts(claim))),
         Owner::vfio,
         {},
         "the device is bound to vfio-pci"},

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
        {"claimed_from_a_driver_without_doe",
         with_driver(facts(claim), "pcieport"),
         Owner::daemon,
         {},
         "the configuration claims it"},
        {"claimed_from_cxl",
         with_cxl_port(facts(claim)),
         Owner::daemon,
         {},
         "the configuration claims it although the kernel has a CXL port for the device (driver "
         "cxl_pci)"},
        {"claimed_from_tsm",
         with_tsm(facts(claim)),
         Owner::daemon,
         {},
         "the configuration claims it although the kernel's TSM is connected to the device"},

        // Left to the kernel.
        {"cxl_port", with_cxl_port(facts(automatic)), Owner::kernel, Errc::kernel_owned,
         "the kernel has a CXL port for the device (driver cxl_pci)"},
        {"cxl_port_without_driver", with_driver(with_cxl_port(facts(automatic)), ""), Owner::kernel,
         Errc::kernel_owned, "the kernel has a CXL port for the device"},
        {"cxl_port_with_a_read_only_config", read_only(with_cxl_port(facts(automatic))),
         Owner::kernel, Errc::kernel_owned,
         "the kernel has a CXL port for the device (driver cxl_pci)"},
        {"tsm_connected", with_tsm(facts(automatic)), Owner::kernel, Errc::kernel_owned,
         "the kernel's TSM is connected to the device"},
        {"tsm_and_vfio", with_tsm(with_vfio(facts(automatic))), Owner::kernel, Errc::kernel_owned,
         "the kernel's TSM is connected to the device"},
        {"tsm_under_lockdown", locked(with_tsm(facts(automatic))), Owner::kernel,
         Errc::kernel_owned, "the kernel's TSM is connected to the device"},
        {"tsm_and_cxl_port", with_tsm(with_cxl_port(facts(automatic))), Owner::kernel,
         Errc::kernel_owned, "the kernel has a CXL port for the device (driver cxl_pci)"},
        {"kernel_by_configuration", facts(kernel), Owner::kernel, Errc::kernel_owned,
         "the configuration leaves it to the kernel"},
        {"kernel_by_configuration_with_cxl_port", with_cxl_port(facts(kernel)), Owner::kernel,
         Errc::kernel_owned, "the configuration leaves it to the kernel"},
        {"kernel_by_configuration_with_vfio", with_vfio(facts(kernel)), Owner::kernel,
         Errc::kernel_owned, "the configuration leaves it to the kernel"},
        {"kernel_by_configuration_under_lockdown", locked(facts(kernel)), Owner::kernel,
         Errc::kernel_owned, "the configuration leaves it to the kernel"},
        {"cxl_port_under_lockdown", locked(with_cxl_port(facts(automatic))), Owner::kernel,
         Errc::kernel_owned, "the kernel has a CXL port for the device (driver cxl_pci)"},
        {"claimed_from_cxl_under_lockdown", locked(with_cxl_port(facts(claim))), Owner::kernel,
         Errc::kernel_owned,
         "the kernel has a CXL port for the device (driver cxl_pci), and kernel lockdown "
         "(integrity) forbids config "
         "space writes"},
        {"claimed_from_tsm_under_lockdown", locked(with_tsm(facts(claim)), confidentiality),
         Owner::kernel, Errc::kernel_owned,
         "the kernel's TSM is connected to the device, and kernel lockdown (confidentiality) "
         "forbids config space writes"},
        {"claimed_from_cxl_with_a_read_only_config", read_only(with_cxl_port(facts(claim))),
         Owner::kernel, Errc::kernel_owned,
         "the kernel has a CXL port for the device (driver cxl_pci), and config space is not "
         "writable for this process"},

        // Left to nobody.
        {"integrity", locked(facts(automatic)), Owner::none, Errc::lockdown,
         "kernel lockdown (integrity) forbids config space writes"},
        {"confidentiality", locked(facts(automatic), confidentiality), Owner::none, Errc::lockdown,
         "kernel lockdown (confidentiality) forbids config space writes"},
        {"a_driver_under_lockdown", locked(with_driver(facts(automatic), "pcieport")), Owner::none,
         Errc::lockdown, "kernel lockdown (integrity) forbids config space writes"},
        {"claimed_under_lockdown", locked(facts(claim)), Owner::none, Errc::lockdown,
         "kernel lockdown (integrity) forbids config space writes"},
        {"read_only", read_only(facts(automatic)), Owner::none, Errc::access_denied,
         "config space is not writable for this process"},
        {"claimed_read_only", read_only(facts(claim)), Owner::none, Errc::access_denied,
         "config space is not writable for this process"},
        {"read_only_under_lockdown", read_only(locked(facts(automatic))), Owner::none,
         Errc::lockdown, "kernel lockdown (integrity) forbids config space writes"},
        {"ignored", facts(ignore), Owner::none, Errc::not_supported,
         "the configuration says ignore"},
        {"ignored_with_cxl_port", with_cxl_port(facts(ignore)), Owner::none, Errc::not_supported,
         "the configuration says ignore"},
        {"ignored_with_tsm", with_tsm(facts(ignore)), Owner::none, Errc::not_supported,
         "the configuration says ignore"},
        {"ignored_with_vfio", with_vfio(facts(ignore)), Owner::none, Errc::not_supported,
         "the configuration says ignore"},
        {"ignored_under_lockdown", locked(facts(ignore)), Owner::none, Errc::not_supported,
         "the configuration says ignore"},
    };
    return table;
}

class TheDecision : public testing::TestWithParam<Row> {};

TEST_P(TheDecision, FollowsTheTable) {
    const auto& row = GetParam();
    const Ownership ownership = decide_ownership(row.facts);
    EXPECT_EQ(to_string(ownership.owner), to_string(row.owner));
    EXPECT_EQ(ownership.reason, row.reason);
    if (!is_ours(row.owner)) {
        EXPECT_EQ(ownership.refusal, row.refusal);
    }
}

INSTANTIATE_TEST_SUITE_P(Rows, TheDecision, testing::ValuesIn(rows()),
                         [](const auto& row) { return std::string(row.param.name); });

// --- What holds for every combination of facts ---------------------------------------------------

std::vector<OwnershipFacts> all_facts() {
    std::vector<OwnershipFacts> all;
    for (const char* const driver : {"", "vfio-pci", "cxl_pci", "pcieport"}) {
        for (unsigned flags = 0; flags < 8; ++flags) {
            for (const auto lockdown :
                 {LockdownMode::unknown, LockdownMode::none, integrity, confidentiality}) {
                for (const auto choice : {automatic, claim, kernel, ignore}) {
                    all.push_back(OwnershipFacts{.driver = driver,
                                                 .cxl_port = (flags & 1U) != 0,
                                                 .tsm_connected = (flags & 2U) != 0,
                                                 .config_writable = (flags & 4U) != 0,
                                                 .lockdown = lockdown,
                                                 .choice = choice});
                }
            }
        }
    }
    return all;
}

bool kernel_is_active(const OwnershipFacts& its) {
    return its.cxl_port || its.tsm_connected;
}

bool forbids(const OwnershipFacts& its) {
    return its.lockdown == integrity || its.lockdown == confidentiality;
}

class EveryCombination : public testing::Test {
protected:
    /// Calls `check` with all facts and what is decided on them.
    template <typename Check>
    static void each(Check check) {
        const auto all = all_facts();
        ASSERT_EQ(all.size(), 4U * 8 * 4 * 4);
        for (const auto& its : all) {
            SCOPED_TRACE(testing::Message()
                         << "driver '" << its.driver << "' cxl_port " << its.cxl_port << " tsm "
                         << its.tsm_connected << " writable " << its.config_writable
                         << " lockdown '" << to_string(its.lockdown) << "' choice "
                         << static_cast<int>(its.choice));
            check(its, decide_ownership(its));
        }
    }
};

TEST_F(EveryCombination, IsNeverOursWhileAKernelUserIsActiveUnlessClaimed) {
    each([](const OwnershipFacts& its, const Ownership& decided) {
        if (kernel_is_active(its) && its.choice != claim) {
            EXPECT_FALSE(is_ours(decided.owner));
        }
        if (kernel_is_active(its) && its.choice == automatic) {
            EXPECT_EQ(decided.owner, Owner::kernel);
        }
    });
}

TEST_F(EveryCombination, IsOursOnlyWhereTheConfigurationLeavesItToUs) {
    each([](const OwnershipFacts& its, const Ownership& decided) {
        if (its.choice == kernel) {
            EXPECT_EQ(decided.owner, Owner::kernel);
        } else if (its.choice == ignore) {
            EXPECT_EQ(decided.owner, Owner::none);
        }
    });
}

TEST_F(EveryCombination, IsDrivenThroughVfioIfThatIsTheDriverAndNeverOtherwise) {
    each([](const OwnershipFacts& its, const Ownership& decided) {
        const bool bound = its.driver == "vfio-pci";
        if (is_ours(decided.owner)) {
            EXPECT_EQ(decided.owner, bound ? Owner::vfio : Owner::daemon);
        } else if (bound && !kernel_is_active(its)) {
            EXPECT_THAT(its.choice, AnyOf(kernel, ignore));
        }
    });
}

TEST_F(EveryCombination, IsDrivenThroughSysfsOnlyWhereThatCanBeWritten) {
    each([](const OwnershipFacts& its, const Ownership& decided) {
        if (decided.owner == Owner::daemon) {
            EXPECT_TRUE(its.config_writable);
            EXPECT_FALSE(forbids(its));
        }
    });
}

TEST_F(EveryCombination, IsNobodysOnlyForAReason) {
    each([](const OwnershipFacts& its, const Ownership& decided) {
        if (decided.owner != Owner::none || its.choice == ignore) {
            return;
        }
        EXPECT_FALSE(kernel_is_active(its)) << "what the kernel knows is served";
        EXPECT_TRUE(forbids(its) || !its.config_writable);
        EXPECT_EQ(decided.refusal, forbids(its) ? Errc::lockdown : Errc::access_denied);
    });
}

TEST_F(EveryCombination, SaysWhyInOneSentence) {
    std::set<Owner> owners;
    each([&](const OwnershipFacts&, const Ownership& decided) {
        owners.insert(decided.owner);
        EXPECT_NE(decided.reason, "");
        EXPECT_THAT(decided.reason, Not(EndsWith(".")));
        EXPECT_THAT(decided.reason, Not(HasSubstr("\n")));
        if (decided.owner == Owner::kernel) {
            EXPECT_EQ(decided.refusal, Errc::kernel_owned);
        }
    });
    EXPECT_EQ(owners, (std::set{Owner::daemon, Owner::vfio, Owner::kernel, Owner::none}))
        << "released is a state of one mailbox, never decided";
}

TEST(AnOwner, IsNobodyWhereADriverServesVirtualMachines) {
    for (const auto* driver : {"mlx5_vfio_pci", "nvgrace-gpu-vfio-pci", "pci-stub", "pciback"}) {
        OwnershipFacts facts;
        facts.driver = driver;
        const Ownership decided = decide_ownership(facts);
        EXPECT_EQ(decided.owner, Owner::none) << driver;
        EXPECT_NE(decided.reason.find(driver), std::string::npos) << decided.reason;
        facts.choice = OwnerChoice::claim;
        EXPECT_EQ(decide_ownership(facts).owner, Owner::daemon) << driver;
    }
}

}  // namespace
}  // namespace doed::daemon
