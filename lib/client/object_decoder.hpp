// SPDX-License-Identifier: Apache-2.0
//
// Makes records of properties as they came over the bus: of all objects (ObjectManager.GetManagedObjects), or of one
// interface (Properties.GetAll). Unknown interfaces and properties are passed over, so that a newer doed is understood.
#pragma once

#include "client/failure.hpp"
#include "client/message_reader.hpp"
#include "client/records.hpp"

#include <vector>

namespace doed::client {

/// Takes a{oa{sa{sv}}}. Devices come in the order of their addresses. Failure: general, when the answer is not one that the
/// contract allows.
[[nodiscard]] Outcome<std::vector<DeviceRecord>> decode_objects(MessageReader& reader);

[[nodiscard]] CdatRecord decode_cdat(const PropertyMap& properties);

}  // namespace doed::client
