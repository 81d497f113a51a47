// SPDX-License-Identifier: Apache-2.0
//
// Makes a device as a topology describes it: header, standard capabilities, DOE instances with their responders, and the
// other extended capabilities of its kind around them.
#pragma once

#include "emulator/device.hpp"
#include "emulator/topology.hpp"

#include <memory>

namespace doed::emulator {

/// `topology` as Topology::load yields it; anything it refuses is a bug here. `interrupt` sends the messages of all its
/// mailboxes, whatever the function's Bus Master and message capability say.
[[nodiscard]] std::shared_ptr<Device> build_device(const DeviceTopology& topology,
                                                   const Environment& environment,
                                                   const InterruptHook& interrupt = {});

}  // namespace doed::emulator
