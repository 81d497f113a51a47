// SPDX-License-Identifier: Apache-2.0
//
// The "faults" of a mailbox in a topology file (docs/topology.md).
#pragma once

#include "base/json_reader.hpp"
#include "emulator/faults/fault_script.hpp"

#include <vector>

namespace doed::emulator {

/// Every rule that is read can be carried out; what cannot is refused at its place. `serves_table` says whether the mailbox
/// has table access.
[[nodiscard]] std::vector<FaultRule> read_faults(const base::JsonValue& value, bool serves_table);

}  // namespace doed::emulator
