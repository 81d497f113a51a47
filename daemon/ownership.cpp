// SPDX-License-Identifier: Apache-2.0
#include "daemon/ownership.hpp"

namespace doed::daemon {

namespace {

constexpr std::string_view vfio_driver = "vfio-pci";

Ownership kernel_owned(std::string reason) {
    return Ownership{Owner::kernel, std::move(reason), base::Errc::kernel_owned};
}

/// What of the kernel uses the mailbox; empty when nothing does.
std::string kernel_user(const OwnershipFacts& facts) {
    if (facts.cxl_port) {
        return "the kernel has a CXL port for the device" +
               (facts.driver.empty() ? std::string() : " (driver " + facts.driver + ")");
    }
    if (facts.tsm_connected) {
        return "the kernel's TSM is connected to the device";
    }
    if (facts.driver_is_new && facts.driver == cxl_driver) {
        return "driver " + facts.driver + " is taking the device";
    }
    return {};
}

/// Drivers through which a host gives a device to a virtual machine, besides vfio-pci itself: its variants for single
/// devices, and Xen's. Nobody here may touch what a guest is using.
bool gives_to_guest(std::string_view driver) noexcept {
    return driver != vfio_driver && (driver.contains("vfio") || driver == "pci-stub" ||
                                     driver == "pciback" || driver == "xen-pciback");
}

bool forbids_writes(LockdownMode lockdown) noexcept {
    return lockdown == LockdownMode::integrity || lockdown == LockdownMode::confidentiality;
}

std::string daemon_reason(const OwnershipFacts& facts, const std::string& user) {
    if (facts.choice == OwnerChoice::claim) {
        return user.empty() ? "the configuration claims it"
                            : "the configuration claims it although " + user;
    }
    return facts.driver.empty() ? "no kernel driver is bound"
                                : "driver " + facts.driver + " does not use the mailbox";
}

}  // namespace

std::string_view to_string(LockdownMode lockdown) noexcept {
    switch (lockdown) {
        case LockdownMode::unknown: return "";
        case LockdownMode::none: return "none";
        case LockdownMode::integrity: return "integrity";
        case LockdownMode::confidentiality: return "confidentiality";
    }
    return "";
}

std::string_view to_string(Owner owner) noexcept {
    switch (owner) {
        case Owner::daemon: return "daemon";
        case Owner::vfio: return "vfio";
        case Owner::kernel: return "kernel";
        case Owner::released: return "released";
        case Owner::none: return "none";
    }
    return "none";
}

Ownership decide_ownership(const OwnershipFacts& facts) {
    if (facts.choice == OwnerChoice::ignore) {
        return Ownership{Owner::none, "the configuration says ignore", base::Errc::not_supported};
    }
    if (facts.choice == OwnerChoice::kernel) {
        return kernel_owned("the configuration leaves it to the kernel");
    }
    const std::string user = kernel_user(facts);
    if (!user.empty() && facts.choice == OwnerChoice::automatic) {
        return kernel_owned(user);
    }
    if (gives_to_guest(facts.driver) && facts.choice != OwnerChoice::claim) {
        return Ownership{Owner::none,
                         "driver " + facts.driver + " gives the device to a virtual machine",
                         base::Errc::not_supported};
    }
    if (facts.driver == vfio_driver) {
        // VFIO's config writes are not subject to lockdown, nor to the mode of the config file.
        return Ownership{Owner::vfio, "the device is bound to vfio-pci", base::Errc::not_supported};
    }
    if (forbids_writes(facts.lockdown)) {
        const std::string reason = "kernel lockdown (" + std::string(to_string(facts.lockdown)) +
                                   ") forbids config space writes";
        // A claim that cannot be had leaves what the kernel knows.
        return user.empty() ? Ownership{Owner::none, reason, base::Errc::lockdown}
                            : kernel_owned(user + ", and " + reason);
    }
    if (!facts.config_writable) {
        const std::string reason = "config space is not writable for this process";
        return user.empty() ? Ownership{Owner::none, reason, base::Errc::access_denied}
                            : kernel_owned(user + ", and " + reason);
    }
    return Ownership{Owner::daemon, daemon_reason(facts, user), base::Errc::not_supported};
}

}  // namespace doed::daemon
