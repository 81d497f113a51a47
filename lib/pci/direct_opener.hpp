// SPDX-License-Identifier: Apache-2.0
//
// Opens what belongs to a function by itself: in the process that has the right to, and in tests. A path is never taken
// from anybody; each follows from the function's address and what the kernel says of it.
#pragma once

#include "pci/opener.hpp"
#include "pci/vfio_device.hpp"
#include "pci/vfio_kernel.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace doed::pci {

class DirectOpener final : public Opener {
public:
    explicit DirectOpener(VfioPaths paths = {}, VfioKernel& kernel = VfioKernel::system());

    /// A function is walked once: its capabilities do not change while the kernel has it, and its config space may be in
    /// somebody else's hands later. Further error: busy, while another call waits for the same function.
    [[nodiscard]] base::Result<FoundMailboxes> find(const Address& address) override;

    /// Errors besides not_supported: not_found (also when it is not there now: no CXL port, not bound to VFIO), access_denied,
    /// busy (VFIO: another program has it), device_gone, io.
    [[nodiscard]] base::Result<base::UniqueFd> open(const Address& address, RootFile file) override;

private:
    /// A function's folder in sysfs, held open: what is opened below it is the same function's.
    struct Function {
        base::UniqueFd folder;
        std::uint64_t identity = 0;  ///< its inode, which the kernel gives to no other registration
        std::string path;
    };
    struct Known {
        std::uint64_t identity = 0;
        FoundMailboxes found;
    };

    [[nodiscard]] base::Result<Function> enter(const Address& address) const;
    [[nodiscard]] base::Result<FoundMailboxes> find(const Address& address,
                                                    const Function& function);
    [[nodiscard]] static base::Result<FoundMailboxes> search(const Function& function);
    [[nodiscard]] base::Result<base::UniqueFd> open_kernel_table(const Address& address) const;
    [[nodiscard]] base::Result<base::UniqueFd> open_vfio(const Function& function, RootFile file);

    VfioPaths paths_;
    VfioKernel& kernel_;
    std::mutex mutex_;
    std::map<Address, Known> known_;
    std::set<Address> searched_;  ///< whose config space is being read now
};

}  // namespace doed::pci
