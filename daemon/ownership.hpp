// SPDX-License-Identifier: Apache-2.0
//
// Who may drive a device's mailboxes: a pure decision from what the host shows and what the configuration wants. The
// kernel comes first: a mailbox that it uses is left to it.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace doed::daemon {

/// The configuration's word on one device.
enum class OwnerChoice : std::uint8_t {
    automatic,  ///< "auto": drive it unless the kernel does
    claim,      ///< "claim": drive it although the kernel may
    kernel,     ///< "kernel": leave it to the kernel, serve the kernel's results
    ignore,     ///< "ignore": do not serve it
};

/// Kernel lockdown (kernel_lockdown(7)); from integrity on config space cannot be written through sysfs.
enum class LockdownMode : std::uint8_t { unknown, none, integrity, confidentiality };

/// "", "none", "integrity", "confidentiality": the Lockdown property.
[[nodiscard]] std::string_view to_string(LockdownMode lockdown) noexcept;

/// The kernel's driver for CXL memory devices. It uses the mailbox soon after it is bound.
inline constexpr std::string_view cxl_driver = "cxl_pci";

struct OwnershipFacts {
    std::string driver;  ///< bound kernel driver, empty when none
    bool cxl_port =
        false;  ///< the kernel has a CXL port for the device, through which it reads CDAT
    bool driver_is_new =
        false;  ///< it was bound a moment ago: what it does with the mailbox does not show yet
    bool tsm_connected = false;   ///< the kernel's TSM holds an SPDM session through the mailbox
    bool config_writable = true;  ///< as far as file permissions tell
    LockdownMode lockdown = LockdownMode::unknown;
    OwnerChoice choice = OwnerChoice::automatic;
};

enum class Owner : std::uint8_t {
    daemon,    ///< this process, through the host's config space
    vfio,      ///< this process, which has opened the device through VFIO
    kernel,    ///< a kernel driver; its results are served
    released,  ///< lent to an operator's program
    none,
};

/// "daemon", "vfio", "kernel", "released", "none": the Owner property.
[[nodiscard]] std::string_view to_string(Owner owner) noexcept;

struct Ownership {
    Owner owner = Owner::none;
    std::string reason;  ///< one sentence without period, for people
    /// What a request that needs the mailbox is refused with; meaningless while this process drives it.
    base::Errc refusal = base::Errc::not_supported;

    friend bool operator==(const Ownership&, const Ownership&) = default;
};

/// Whether this process drives the mailboxes of such a device.
[[nodiscard]] constexpr bool is_ours(Owner owner) noexcept {
    return owner == Owner::daemon || owner == Owner::vfio;
}

/// Never `released`: that is a state of one mailbox, not of a device.
[[nodiscard]] Ownership decide_ownership(const OwnershipFacts& facts);

}  // namespace doed::daemon
