// SPDX-License-Identifier: Apache-2.0
//
// The seam to what only root may open of a function: the files and device nodes through which its mailboxes are reached.
// Implemented by pci/direct_opener.hpp, in a process that may open them, and by daemon/opener/client.hpp, which asks such a
// process.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "pci/address.hpp"
#include "pci/device_info.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace doed::pci {

enum class RootFile : std::uint8_t {
    config,          ///< config space, for reading and writing
    power_control,   ///< power/control, for reading and writing
    kernel_table,    ///< the CDAT file of the function's CXL port, for reading
    vfio_container,  ///< /dev/vfio/vfio
    vfio_group,      ///< /dev/vfio/N of the function's IOMMU group
    iommufd,         ///< /dev/iommu
    vfio_device,     ///< /dev/vfio/devices/vfioN of the function
};
inline constexpr std::uint8_t root_file_count = 7;

/// What the extended capability chain of a function says of mailboxes.
struct FoundMailboxes {
    std::vector<DoeCapability> mailboxes;  ///< by ascending offset; none is no error
    std::string defect;   ///< why the walk of the chain ended early; empty when the chain is sound
    bool lasting = true;  ///< the next walk would find the same
    bool config_writable = true;  ///< as far as file permissions tell
};

/// Thread safe.
class Opener {
public:
    Opener() = default;
    Opener(const Opener&) = delete;
    Opener& operator=(const Opener&) = delete;
    virtual ~Opener() = default;

    /// Looks for mailboxes. Errors: access_denied (extended config space cannot be read), not_found, device_gone, io.
    [[nodiscard]] virtual base::Result<FoundMailboxes> find(const Address& address) = 0;

    /// Opens a file of a function that has a mailbox; not_supported for one that has none. Further errors: those of the file,
    /// each with what a person can do.
    [[nodiscard]] virtual base::Result<base::UniqueFd> open(const Address& address,
                                                            RootFile file) = 0;
};

}  // namespace doed::pci
