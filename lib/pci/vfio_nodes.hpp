// SPDX-License-Identifier: Apache-2.0
//
// Where the device nodes of VFIO are, and what its refusals mean: for who opens the nodes and for who uses them.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace doed::pci {

inline constexpr std::string_view vfio_bind_it = " (load vfio-pci and bind the device to it)";
inline constexpr std::string_view vfio_stop_the_other =
    " (another program has the device, a virtual machine perhaps: stop it)";

[[nodiscard]] std::string vfio_errno_text(int negative_errno);
[[nodiscard]] base::Errc vfio_code_of(int negative_errno);
/// Of opening a node.
[[nodiscard]] std::unexpected<base::Error> vfio_open_failure(
    const std::string& path, int negative_errno, std::string_view when_missing = vfio_bind_it);

/// The path of the character device of the function in this folder of sysfs; empty where the kernel has none.
[[nodiscard]] std::string vfio_node(const std::string& device_dir, const std::string& dev_root);

}  // namespace doed::pci
