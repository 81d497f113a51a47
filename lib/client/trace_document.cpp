// SPDX-License-Identifier: Apache-2.0
#include "client/trace_document.hpp"

#include <nlohmann/json.hpp>

#include <optional>

namespace doed::client {

namespace {

/// Members in the order they came.
using Json = nlohmann::ordered_json;

constexpr int known_version = 1;
constexpr int pretty_indent = 2;

std::unexpected<Failure> unreadable(std::string_view what) {
    return failed(FailureKind::general, "doed's trace cannot be read: " + std::string(what),
                  versions_differ);
}

/// The library throws; nothing above this function does.
template <typename Read>
auto reading(std::string_view json, const Read& read) -> decltype(read(Json())) {
    try {
        return read(Json::parse(json));
    } catch (const Json::exception& error) {
        return unreadable(error.what());
    }
}

std::string text_or_empty(const Json& value) {
    return value.is_null() ? std::string() : value.get<std::string>();
}

TraceRecord to_record(const Json& json) {
    TraceRecord record;
    record.sequence = json.at("sequence").get<std::uint64_t>();
    record.begin = json.at("begin").get<std::string>();
    record.duration_us = json.at("duration_us").get<std::uint64_t>();
    record.purpose = json.at("purpose").get<std::string>();
    record.protocol = text_or_empty(json.at("protocol"));
    record.request_length_dw = json.at("request_dw").get<std::uint32_t>();
    record.response_length_dw = json.at("response_dw").get<std::uint32_t>();
    record.status_after_go = text_or_empty(json.at("status_after_go"));
    record.status_before_abort = text_or_empty(json.at("status_before_abort"));
    record.status_last = text_or_empty(json.at("status_last"));
    record.reads = json.at("reads").get<std::uint32_t>();
    record.writes = json.at("writes").get<std::uint32_t>();
    record.polls = json.at("polls").get<std::uint32_t>();
    record.completion = text_or_empty(json.at("completion"));
    record.abort = text_or_empty(json.at("abort"));
    record.outcome = json.at("outcome").get<std::string>();
    record.error = text_or_empty(json.at("error"));
    return record;
}

}  // namespace

Outcome<TraceDocument> TraceDocument::parse(std::string_view json) {
    return reading(json, [](const Json& root) -> Outcome<TraceDocument> {
        if (root.at("version").get<int>() != known_version) {
            return unreadable("its version is not " + std::to_string(known_version));
        }
        TraceDocument document;
        document.owner = root.at("owner").get<std::string>();
        document.owner_reason = root.at("owner_reason").get<std::string>();
        document.state = root.at("state").get<std::string>();
        for (const auto& record : root.at("records")) {
            document.records.push_back(to_record(record));
        }
        return document;
    });
}

Outcome<std::string> json_of_trace(std::string_view json, JsonStyle style) {
    return reading(json, [style](const Json& root) -> Outcome<std::string> {
        const int indent = style == JsonStyle::pretty ? pretty_indent : -1;
        return root.dump(indent, ' ', true, Json::error_handler_t::replace) + "\n";
    });
}

}  // namespace doed::client
