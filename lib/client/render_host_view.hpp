// SPDX-License-Identifier: Apache-2.0
//
// What the kernel made of a table, beside what the table says.
#pragma once

#include "cdat/host_view.hpp"
#include "cdat/summary.hpp"

#include <string>

namespace doed::client {

/// A paragraph for each region, and a note where the kernel takes memory to be nearer or faster than any range of the table
/// says: its figures have the way to the device in them, so that those of one device can only be worse. Empty without a memory device.
[[nodiscard]] std::string render_host_view(const cdat::HostView& host,
                                           const cdat::Summary& summary);

/// A region in a line of a host's table.
struct RegionCells {
    std::string name;       ///< "region0", "region1 of 2 devices"
    std::string numa_node;  ///< "1", or "-"
    std::string
        read_latency;  ///< "310 ns", or "-"; one that is better than any of the table: "140 ns (!)"
    std::string read_bandwidth;  ///< in the same way
    bool impossible =
        false;  ///< one of them, or of those for writing, is better than any of the table
};
[[nodiscard]] RegionCells cells_of_region(const cdat::HostRegion& region,
                                          const cdat::Summary& summary);

}  // namespace doed::client
