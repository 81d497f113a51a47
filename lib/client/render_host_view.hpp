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

}  // namespace doed::client
