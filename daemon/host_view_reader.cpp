// SPDX-License-Identifier: Apache-2.0
#include "daemon/host_view_reader.hpp"

#include "pci/cxl_port.hpp"
#include "pci/sysfs_attribute.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace doed::daemon {

namespace fs = std::filesystem;

namespace {

/// Entries of `folder` whose names are `prefix` and a number, in the order of their names.
std::vector<fs::path> numbered(const fs::path& folder, std::string_view prefix) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.starts_with(prefix) &&
            pci::parse_number<unsigned>(std::string_view(name).substr(prefix.size()))) {
            found.push_back(entry->path());
        }
    }
    std::ranges::sort(found);
    return found;
}

std::optional<std::uint64_t> number(const fs::path& attribute) {
    const auto value = pci::read_number<std::uint64_t>(attribute.string());
    return value ? std::optional(*value) : std::nullopt;
}

cdat::HostFigures read_figures(const fs::path& folder) {
    return {.read_latency_ns = number(folder / "read_latency"),
            .write_latency_ns = number(folder / "write_latency"),
            .read_bandwidth_mbps = number(folder / "read_bandwidth"),
            .write_bandwidth_mbps = number(folder / "write_bandwidth")};
}

/// "decoder4.0" of a region's target belongs to the port with the number 4.
bool is_target_of(const fs::path& region, std::string_view endpoint_number) {
    const std::string prefix = "decoder" + std::string(endpoint_number) + ".";
    return std::ranges::any_of(numbered(region, "target"), [&](const fs::path& target) {
        const auto text = pci::read_attribute(target.string());
        return text && text->starts_with(prefix);
    });
}

/// Of the DAX device that the kernel has made of the region, if it has.
std::optional<std::int32_t> read_node(const fs::path& region) {
    for (const auto& dax_region : numbered(region, "dax_region")) {
        std::error_code error;
        for (fs::directory_iterator entry(dax_region, error), end; !error && entry != end;
             entry.increment(error)) {
            const auto node =
                pci::read_number<std::int32_t>((entry->path() / "target_node").string());
            if (node && *node >= 0) {
                return *node;
            }
        }
    }
    return std::nullopt;
}

cdat::HostRegion read_region(const fs::path& sysfs_root, const fs::path& region) {
    cdat::HostRegion found{.name = region.filename().string(),
                           .numa_node = read_node(region),
                           .targets = static_cast<std::uint32_t>(numbered(region, "target").size()),
                           .figures = read_figures(region / "access0")};
    if (found.figures.empty() && found.numa_node) {
        found.figures =
            read_figures(sysfs_root / "devices/system/node" /
                         ("node" + std::to_string(*found.numa_node)) / "access0/initiators");
    }
    return found;
}

}  // namespace

cdat::HostView read_host_view(const fs::path& sysfs_root, const pci::Address& address) {
    cdat::HostView view;
    const auto memory_devices =
        numbered(sysfs_root / "bus/pci/devices" / address.to_string(), "mem");
    if (memory_devices.empty()) {
        return view;
    }
    view.memory_device = memory_devices.front().filename().string();
    const fs::path cxl = sysfs_root / "bus/cxl/devices";
    constexpr std::string_view endpoint_prefix = "endpoint";
    for (const auto& endpoint : numbered(cxl, endpoint_prefix)) {
        if (pci::port_function(endpoint) != address) {
            continue;
        }
        const std::string name = endpoint.filename().string();
        for (const auto& region : numbered(cxl, "region")) {
            if (is_target_of(region, std::string_view(name).substr(endpoint_prefix.size()))) {
                view.regions.push_back(read_region(sysfs_root, region));
            }
        }
    }
    return view;
}

}  // namespace doed::daemon
