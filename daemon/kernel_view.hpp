// SPDX-License-Identifier: Apache-2.0
//
// What the kernel shows of its own use of DOE mailboxes, in sysfs: CXL ports and their CDAT files,
// doe_features, tsm, bound drivers, lockdown. Reads files, hence blocks; never touches a device.
// Made anew for every scan.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "daemon/ownership.hpp"
#include "doe/protocol.hpp"
#include "pci/address.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace doed::daemon {

struct KernelFacts {
    std::string driver;
    std::uint64_t driver_identity = 0;  ///< of its link: another one when it is bound anew
    bool cxl_port = false;
    std::filesystem::path cdat_file;  ///< of the CXL port; empty when the port has none
    std::uint64_t cdat_identity = 0;  ///< of that file: another one when the port is made anew
    bool tsm_connected = false;
    std::vector<doe::Protocol>
        doe_features;  ///< of all the device's mailboxes; empty before Linux 6.15
};

class KernelView {
public:
    /// Walks the CXL bus once. A host without one has no ports.
    [[nodiscard]] static KernelView read(const std::filesystem::path& sysfs_root);

    [[nodiscard]] LockdownMode lockdown() const noexcept { return lockdown_; }
    [[nodiscard]] KernelFacts of(const pci::Address& address) const;

private:
    explicit KernelView(std::filesystem::path sysfs_root) : sysfs_root_(std::move(sysfs_root)) {}

    void find_ports();

    std::filesystem::path sysfs_root_;
    LockdownMode lockdown_ = LockdownMode::unknown;
    std::map<pci::Address, std::filesystem::path>
        ports_;  ///< port folder by the function it belongs to
};

/// What decide_ownership() needs to know. `config_writable`: as far as file permissions tell.
[[nodiscard]] OwnershipFacts ownership_facts(const KernelFacts& kernel, bool config_writable,
                                             LockdownMode lockdown, OwnerChoice choice);

/// Whether writing config space taints a kernel of this release (as uname -r prints it) and makes it log the writer:
/// Linux 6.2 and 6.3 do, for the mailboxes they use themselves.
[[nodiscard]] bool config_writes_taint(std::string_view release) noexcept;

/// When a CXL driver uses the mailbox of a device that it was bound to.
enum class MailboxUse : std::uint8_t {
    at_once,       ///< it aborts and discovers in its probe: before Linux 6.4
    through_port,  ///< when it has made a port for the device; it does not abort before
};
/// Of a kernel of this release; at_once where the release cannot be told.
[[nodiscard]] MailboxUse mailbox_use(std::string_view release) noexcept;

/// The table in a CXL port's CDAT file, which is open. Errors: not_supported (empty: the kernel failed to read the table), io.
[[nodiscard]] base::Result<std::vector<std::uint8_t>> read_kernel_cdat(
    const base::UniqueFd& cdat_file);

}  // namespace doed::daemon
