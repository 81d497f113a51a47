// SPDX-License-Identifier: Apache-2.0
//
// What the host's kernel made of a table, out of doed's JSON document of that table (docs/cdat.schema.json).
#pragma once

#include "cdat/host_view.hpp"
#include "client/failure.hpp"

#include <string_view>

namespace doed::client {

/// Empty where the kernel has made nothing of the device. Members that are not known are passed over. Failure: general, when
/// it is no such document.
[[nodiscard]] Outcome<cdat::HostView> host_view_of(std::string_view document);

}  // namespace doed::client
