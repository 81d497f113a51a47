// SPDX-License-Identifier: Apache-2.0
//
// What doed's flight recorder tells of a mailbox, read from the JSON document of GetTrace (docs/dbus-api.md). Texts are as
// they came; whoever shows them makes them printable (text.hpp).
#pragma once

#include "client/failure.hpp"
#include "client/render_json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace doed::client {

/// One exchange, or an abort outside of one. Texts that are null in the document are empty.
struct TraceRecord {
    std::uint64_t sequence = 0;
    std::string begin;  ///< RFC 3339, UTC
    std::uint64_t duration_us = 0;
    std::string purpose;
    std::string protocol;
    std::uint32_t request_length_dw = 0;
    std::uint32_t response_length_dw = 0;
    std::string status_after_go;
    std::string status_before_abort;
    std::string status_last;
    std::uint32_t reads = 0;   ///< dwords
    std::uint32_t writes = 0;  ///< dwords
    std::uint32_t polls = 0;
    std::string completion;
    std::string abort;
    std::string outcome;  ///< "ok", "running" or a D-Bus error name
    std::string error;
};

struct TraceDocument {
    std::string owner;
    std::string owner_reason;
    std::string state;
    std::vector<TraceRecord> records;  ///< oldest first

    /// Failure: general, for what is not such a document or of a later version of it.
    [[nodiscard]] static Outcome<TraceDocument> parse(std::string_view json);
};

/// The document as it came, on one line or indented. Failure: general, when it is no JSON.
[[nodiscard]] Outcome<std::string> json_of_trace(std::string_view json, JsonStyle style);

}  // namespace doed::client
