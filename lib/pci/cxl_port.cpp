// SPDX-License-Identifier: Apache-2.0
#include "pci/cxl_port.hpp"

#include <string>
#include <system_error>

namespace doed::pci {

namespace fs = std::filesystem;

bool is_port_name(std::string_view name) noexcept {
    return name.starts_with("endpoint") || name.starts_with("port");
}

std::optional<Address> port_function(const fs::path& port) {
    std::error_code error;
    fs::path target = fs::read_symlink(port / "uport", error);
    if (error) {
        return std::nullopt;
    }
    if (target.filename().string().starts_with("mem")) {
        target = target.parent_path();
    }
    const auto address = Address::parse(target.filename().string());
    return address ? std::optional(*address) : std::nullopt;
}

std::optional<fs::path> find_port(const fs::path& sysfs_root, const Address& address) {
    std::error_code error;
    for (fs::directory_iterator entry(sysfs_root / "bus/cxl/devices", error), end;
         !error && entry != end; entry.increment(error)) {
        if (is_port_name(entry->path().filename().string()) &&
            port_function(entry->path()) == address) {
            return entry->path();
        }
    }
    return std::nullopt;
}

}  // namespace doed::pci
