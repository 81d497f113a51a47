// SPDX-License-Identifier: Apache-2.0
//
// doectl's output for programs. Every document is an object whose member "schema" counts up when a member changes its
// meaning or goes away; new members may come at any time. Quantities are numbers, identifiers are texts as doectl takes
// and shows them, what does not exist is null. Documents are ASCII and end with a line break.
#pragma once

#include "client/cdat_reading.hpp"
#include "client/failure.hpp"
#include "client/records.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace doed::client {

inline constexpr int json_schema = 1;

enum class JsonStyle : std::uint8_t {
    compact,  ///< one line
    pretty,   ///< indented
};

[[nodiscard]] Outcome<std::string> json_of_devices(std::span<const DeviceRecord> devices,
                                                   JsonStyle style);
[[nodiscard]] Outcome<std::string> json_of_device(const DeviceRecord& device, JsonStyle style);
/// "mailboxes": what doed has counted.
[[nodiscard]] Outcome<std::string> json_of_stats(std::span<const DeviceRecord> devices,
                                                 JsonStyle style);
/// `mailbox`: "0000:0d:00.0/190"
[[nodiscard]] Outcome<std::string> json_of_features(const std::string& mailbox,
                                                    std::span<const Feature> features,
                                                    JsonStyle style);
/// The document of docs/cdat.schema.json: doed's own where there is one.
[[nodiscard]] Outcome<std::string> json_of_cdat(const CdatReading& reading, JsonStyle style);
/// "tables": such documents, on one line or indented.
[[nodiscard]] Outcome<std::string> json_of_cdats(std::span<const CdatReading> readings,
                                                 JsonStyle style);

}  // namespace doed::client
