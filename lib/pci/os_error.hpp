// SPDX-License-Identifier: Apache-2.0
//
// What an errno means when it comes from a file of sysfs.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <source_location>
#include <string>

namespace doed::pci {

/// What was tried: the same errno means different things.
enum class FileAccess : std::uint8_t {
    open,  ///< also following a link or listing a directory
    read,
    write,  ///< of config space
};

/// The error of a system call that failed with `error_number`; `subject` names the file, and the offset if there is
/// one. Codes: not_found, access_denied (the context says what would help), device_gone, lockdown (writes only), io.
[[nodiscard]] base::Error os_error(FileAccess access, int error_number, const std::string& subject,
                                   std::source_location where = std::source_location::current());

}  // namespace doed::pci
