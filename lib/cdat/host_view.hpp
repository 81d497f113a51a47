// SPDX-License-Identifier: Apache-2.0
//
// What the host's kernel made of a device's table: shown beside what the table says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace doed::cdat {

/// The kernel's access coordinates: from an initiator through all links to the memory. Nanoseconds and MB/s.
struct HostFigures {
    std::optional<std::uint64_t> read_latency_ns;
    std::optional<std::uint64_t> write_latency_ns;
    std::optional<std::uint64_t> read_bandwidth_mbps;
    std::optional<std::uint64_t> write_bandwidth_mbps;

    [[nodiscard]] bool empty() const noexcept {
        return !read_latency_ns && !write_latency_ns && !read_bandwidth_mbps &&
               !write_bandwidth_mbps;
    }
    friend bool operator==(const HostFigures&, const HostFigures&) = default;
};

/// A region of host memory that the device is a part of.
struct HostRegion {
    std::string name;                       ///< "region0"
    std::optional<std::int32_t> numa_node;  ///< of the memory
    std::uint32_t targets = 0;              ///< devices that it is made of
    HostFigures figures;                    ///< from the nearest initiator (access0)

    friend bool operator==(const HostRegion&, const HostRegion&) = default;
};

struct HostView {
    std::string memory_device;  ///< "mem0"; empty when the kernel has none for the device
    std::vector<HostRegion> regions;

    [[nodiscard]] bool empty() const noexcept { return memory_device.empty(); }
    friend bool operator==(const HostView&, const HostView&) = default;
};

}  // namespace doed::cdat
