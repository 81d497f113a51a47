// SPDX-License-Identifier: Apache-2.0
#include "pci/os_error.hpp"

#include <cerrno>
#include <string_view>
#include <system_error>

namespace doed::pci {

namespace {

struct Meaning {
    base::Errc code;
    std::string_view remedy;
};

Meaning meaning_of(FileAccess access, int error_number) {
    switch (error_number) {
        case ENOENT:
        case ENOTDIR: return {base::Errc::not_found, ""};
        // kernfs: the device behind an open file was removed.
        case ENODEV:
        case ENXIO: return {base::Errc::device_gone, ""};
        case EPERM:
            // The kernel asks for nothing but LOCKDOWN_PCI_ACCESS when config space is written to an open file.
            if (access == FileAccess::write) {
                return {base::Errc::lockdown, ""};
            }
            [[fallthrough]];
        case EACCES: return {base::Errc::access_denied, " (run as root)"};
        // A sandbox or container may mount sysfs so; root alone does not help then.
        case EROFS: return {base::Errc::access_denied, " (sysfs must be mounted writable)"};
        default: return {base::Errc::io, ""};
    }
}

}  // namespace

base::Error os_error(FileAccess access, int error_number, const std::string& subject,
                     std::source_location where) {
    const auto [code, remedy] = meaning_of(access, error_number);
    std::string context = subject + ": " + std::generic_category().message(error_number);
    context += remedy;
    return base::Error(code, std::move(context), where);
}

}  // namespace doed::pci
