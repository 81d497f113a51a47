// SPDX-License-Identifier: Apache-2.0
#include "daemon/trace_json.hpp"

#include "daemon/bus/errors.hpp"

#include <nlohmann/json.hpp>

#include <ctime>
#include <optional>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace doed::daemon {

namespace {

using namespace std::chrono;

/// Members in the order they are made.
using Json = nlohmann::ordered_json;

/// RFC 3339 in UTC with milliseconds: "2026-11-21T07:04:29.123Z".
std::string timestamp(system_clock::time_point when) {
    const auto whole_ms = floor<milliseconds>(when.time_since_epoch());
    const auto whole_s = floor<seconds>(whole_ms);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(static_cast<std::time_t>(whole_s.count())),
                       (whole_ms - whole_s).count());
}

std::int64_t whole_us(base::Duration duration) {
    return duration_cast<microseconds>(duration).count();
}

std::string_view name_of(doe::Purpose purpose) {
    switch (purpose) {
        case doe::Purpose::claim: return "claim";
        case doe::Purpose::reset: return "reset";
        case doe::Purpose::revival: return "revival";
        case doe::Purpose::request: return "request";
    }
    return "unknown";
}

Json to_json(doe::Noticed noticed) {
    switch (noticed) {
        case doe::Noticed::nothing: return nullptr;
        case doe::Noticed::poll: return "poll";
        case doe::Noticed::interrupt: return "interrupt";
    }
    return nullptr;
}

Json to_json(doe::AbortResult abort) {
    switch (abort) {
        case doe::AbortResult::not_tried: return nullptr;
        case doe::AbortResult::under_way: return "running";
        case doe::AbortResult::done: return "done";
        case doe::AbortResult::failed: return "failed";
    }
    return nullptr;
}

Json to_json(const std::optional<std::uint32_t>& status) {
    return status ? Json(fmt::format("0x{:08x}", *status)) : Json(nullptr);
}

/// An exchange that went wrong has its error from then on, also while it is still being aborted.
std::string_view outcome_of(const doe::TraceRecord& record) {
    if (record.error) {
        return bus::error_name(*record.error);
    }
    return record.ended ? "ok" : "running";
}

Json to_json(const doe::TraceRecord& record, const ClockPair& now) {
    const auto began = now.wall - duration_cast<system_clock::duration>(now.steady - record.begin);
    const auto& protocol = record.protocol;
    const auto& response_time = record.response_time;
    return {{"sequence", record.sequence},
            {"begin", timestamp(began)},
            {"duration_us", whole_us(record.duration)},
            {"purpose", name_of(record.purpose)},
            {"protocol", protocol ? Json(protocol->to_string()) : Json(nullptr)},
            {"request_dw", record.request_length_dw},
            {"response_dw", record.response_length_dw},
            {"response_us", response_time ? Json(whole_us(*response_time)) : Json(nullptr)},
            {"status_after_go", to_json(record.status.after_go)},
            {"status_before_abort", to_json(record.status.before_abort)},
            {"status_last", to_json(record.status.last)},
            {"reads", record.reads},
            {"writes", record.writes},
            {"polls", record.polls},
            {"completion", to_json(record.noticed)},
            {"abort", to_json(record.abort)},
            {"outcome", outcome_of(record)},
            {"error", record.error ? Json(record.cause.view()) : Json(nullptr)}};
}

}  // namespace

std::string trace_json(const ServedMailbox& mailbox, std::span<const doe::TraceRecord> records,
                       const ClockPair& now) {
    Json root = {{"version", trace_version},
                 {"device", mailbox.address().to_string()},
                 {"offset", fmt::format("0x{:x}", mailbox.capability().offset)},
                 {"owner", to_string(mailbox.ownership().owner)},
                 {"owner_reason", mailbox.ownership().reason},
                 {"state", mailbox.state()}};
    Json& all = root["records"] = Json::array();
    for (const auto& record : records) {
        all.push_back(to_json(record, now));
    }
    return root.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace doed::daemon
