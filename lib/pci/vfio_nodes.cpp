// SPDX-License-Identifier: Apache-2.0
#include "pci/vfio_nodes.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace doed::pci {

using base::Errc;

std::string vfio_errno_text(int negative_errno) {
    return std::generic_category().message(-negative_errno);
}

Errc vfio_code_of(int negative_errno) {
    switch (-negative_errno) {
        case ENOENT:
        case ENODEV: return Errc::not_found;
        case EACCES:
        case EPERM: return Errc::access_denied;
        case EBUSY:
        case EAGAIN: return Errc::busy;
        default: return Errc::io;
    }
}

std::unexpected<base::Error> vfio_open_failure(const std::string& path, int negative_errno,
                                               std::string_view when_missing) {
    std::string context = path + ": " + vfio_errno_text(negative_errno);
    switch (vfio_code_of(negative_errno)) {
        case Errc::not_found: context += when_missing; break;
        case Errc::access_denied: context += " (run as root, or give this user the node)"; break;
        case Errc::busy: context += vfio_stop_the_other; break;
        default: break;
    }
    return base::fail(vfio_code_of(negative_errno), std::move(context));
}

std::string vfio_node(const std::string& device_dir, const std::string& dev_root) {
    std::string node;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(device_dir + "/vfio-dev", error), end;
         !error && entry != end; entry.increment(error)) {
        node = dev_root + "/vfio/devices/" + entry->path().filename().string();
    }
    return node;
}

}  // namespace doed::pci
