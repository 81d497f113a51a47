// SPDX-License-Identifier: Apache-2.0
//
// What libdoed hands out, as doectl's own values.
#pragma once

#include "client/events.hpp"
#include "client/records.hpp"

#include <vector>

#include <doed/doed.h>

namespace doed::client {

[[nodiscard]] std::vector<DeviceRecord> records_of(const doed_snapshot* snapshot);
[[nodiscard]] std::vector<Feature> features_of(const doed_features* features);
[[nodiscard]] CdatRecord record_of(const doed_cdat_status* status);
[[nodiscard]] Event event_of(const doed_event& event);

}  // namespace doed::client
