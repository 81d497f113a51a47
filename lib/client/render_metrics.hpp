// SPDX-License-Identifier: Apache-2.0
//
// What doed has counted, in Prometheus' text exposition format 0.0.4, as node_exporter's textfile collector reads it. Counters
// begin anew with doed. doectl(1) lists the metrics.
#pragma once

#include "client/records.hpp"

#include <span>
#include <string>

namespace doed::client {

/// Families in a fixed order, each with HELP and TYPE; one sample per mailbox, with the labels device, mailbox, vendor_id and
/// device_id. Families of which there is no sample are left out.
[[nodiscard]] std::string render_metrics(std::span<const DeviceRecord> devices);

}  // namespace doed::client
