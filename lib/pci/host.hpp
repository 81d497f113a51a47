// SPDX-License-Identifier: Apache-2.0
//
// The seam to a whole host: which functions carry DOE mailboxes, and how to reach their config space. Implemented by
// pci/sysfs_host.hpp for the real one and emulator/emulated_host.hpp.
#pragma once

#include "pci/config_space.hpp"
#include "pci/device_info.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace doed::pci {

class Host {
public:
    Host() = default;
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    virtual ~Host() = default;

    /// "sysfs" or "emulator": the Backend property of mailboxes reached through it.
    [[nodiscard]] virtual std::string_view backend() const = 0;

    /// Every function with at least one DOE capability, by ascending address. Functions that vanish or cannot be read
    /// meanwhile are left out, each with an entry in `problems`. Blocks while the host is walked. One call at a time;
    /// not always from the same thread.
    [[nodiscard]] virtual base::Result<std::vector<DeviceInfo>> scan(
        std::vector<base::Error>& problems) = 0;

    /// Any thread, also during a scan. A new handle on the function's config space, for one mailbox and one strand alone. Opened for reading and writing.
    /// Errors: not_found, access_denied, io.
    [[nodiscard]] virtual base::Result<std::unique_ptr<ConfigSpace>> open(
        const Address& address) = 0;
};

}  // namespace doed::pci
