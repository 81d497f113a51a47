// SPDX-License-Identifier: Apache-2.0
#include "client/render_event.hpp"

#include "base/dbus_names.hpp"
#include "client/records.hpp"
#include "client/render_json.hpp"
#include "client/text.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <ctime>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace doed::client {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view driven_by_doed = "daemon";
constexpr std::string_view line_form = "{:<24}  {:<17}  {:<16}  {}\n";

/// RFC 3339 in UTC with milliseconds.
std::string time_text(std::uint64_t time_us) {
    constexpr std::uint64_t second_us = 1'000'000;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(static_cast<std::time_t>(time_us / second_us)),
                       time_us % second_us / 1000);
}

std::string id_text(std::uint16_t vendor_id, std::uint16_t device_id) {
    return fmt::format("{:04x}:{:04x}", vendor_id, device_id);
}

std::string protocol_text(const Event& event) {
    return protocol_number({event.vendor_id, event.object_type, {}});
}

/// The last part of doed's own error names, which is what differs.
std::string short_error(std::string_view name) {
    const std::string_view prefix = names::error_prefix;
    return std::string(name.starts_with(prefix) ? name.substr(prefix.size()) : name);
}

std::string with_text(std::string what, const std::string& text) {
    return text.empty() ? what : std::move(what) + ": " + text;
}

std::string what_changed(const Event& event) {
    switch (event.kind) {
        case EventKind::present:
            // That doed drives a mailbox takes no reason; that it does not, does.
            return with_text(event.to + ", owner " + event.owner,
                             event.owner == driven_by_doed ? std::string() : event.text);
        case EventKind::device_added:
            return fmt::format("{}, class {:06x}", id_text(event.vendor_id, event.device_id),
                               event.class_code);
        case EventKind::mailbox_added: return event.to + ", owner " + event.owner;
        case EventKind::state: return event.from + " -> " + event.to;
        case EventKind::owner: return with_text(event.from + " -> " + event.to, event.text);
        case EventKind::cdat_changed: return fmt::format("sequence {}", event.cdat_sequence);
        case EventKind::exchange_failed:
            return with_text(protocol_text(event) + " " + short_error(event.error_name),
                             event.text);
        case EventKind::driver_specific: return with_text(event.error_name, event.text);
        case EventKind::daemon_gone: return "doed is not there; waiting for it";
        case EventKind::daemon_restarted: return "the state is now:";
        case EventKind::lost:
            return counted(event.lost, "event", "events") + " came too fast; the state is now:";
        case EventKind::refused:
            return with_text("asking again: " + short_error(event.error_name), event.text);
        case EventKind::subscribed:
        case EventKind::device_removed:
        case EventKind::mailbox_removed:
        case EventKind::other: break;
    }
    return {};
}

Tone tone_of(const Event& event) noexcept {
    switch (event.kind) {
        case EventKind::present:
            return tone_of_state(event.to) == Tone::plain ? tone_of_owner(event.owner)
                                                          : tone_of_state(event.to);
        case EventKind::state: return tone_of_state(event.to);
        case EventKind::owner: return tone_of_owner(event.to);
        case EventKind::exchange_failed:
        case EventKind::daemon_gone:
        case EventKind::refused:
        case EventKind::lost: return Tone::doubtful;
        default: return Tone::plain;
    }
}

void add_changes(Json& json, const Event& event) {
    switch (event.kind) {
        case EventKind::present:
        case EventKind::mailbox_added:
            json["state"] = event.to;
            json["owner"] = event.owner;
            break;
        case EventKind::device_added:
            json["vendor_id"] = fmt::format("{:04x}", event.vendor_id);
            json["device_id"] = fmt::format("{:04x}", event.device_id);
            json["class_code"] = fmt::format("{:06x}", event.class_code);
            break;
        case EventKind::state:
        case EventKind::owner:
            json["from"] = event.from;
            json["to"] = event.to;
            break;
        case EventKind::cdat_changed: json["sequence"] = event.cdat_sequence; break;
        case EventKind::exchange_failed:
            json["protocol"] = protocol_text(event);
            json["error"] = event.error_name;
            break;
        case EventKind::refused: json["error"] = event.error_name; break;
        case EventKind::driver_specific: json["name"] = event.error_name; break;
        case EventKind::lost: json["lost"] = event.lost; break;
        default: break;
    }
    if (!event.text.empty()) {
        json["text"] = event.text;
    }
}

}  // namespace

std::string render_event(const Event& event, const Palette& palette) {
    // Nothing that follows the library's own events tells when they happened.
    auto line =
        fmt::format(line_form, event.time_us == 0 ? "-" : time_text(event.time_us),
                    event.address.empty() ? "-" : printable(event.subject()), printable(event.name),
                    palette.paint(tone_of(event), printable(what_changed(event))));
    line.erase(line.find_last_not_of(" \n") + 1);
    return line + "\n";
}

std::string render_event_titles(const Palette& palette) {
    auto line = fmt::format(line_form, "TIME", "MAILBOX", "EVENT", "WHAT");
    line.pop_back();
    return palette.paint(Tone::title, line) + "\n";
}

std::string json_of_event(const Event& event) {
    const auto or_null = [](const std::string& text) {
        return text.empty() ? Json(nullptr) : Json(text);
    };
    Json json = {{"schema", json_schema},
                 {"event", event.name},
                 {"time", event.time_us == 0 ? Json(nullptr) : Json(time_text(event.time_us))},
                 {"device", or_null(event.address)},
                 {"mailbox", event.offset == 0 ? Json(nullptr) : Json(event.subject())}};
    add_changes(json, event);
    return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

Event lost_before(const Event& event) {
    return {.kind = EventKind::lost, .name = "lost", .time_us = event.time_us, .lost = event.lost};
}

}  // namespace doed::client
