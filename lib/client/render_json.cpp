// SPDX-License-Identifier: Apache-2.0
#include "client/render_json.hpp"

#include "cdat/json.hpp"

#include <nlohmann/json.hpp>

#include <string_view>

#include <fmt/format.h>

namespace doed::client {

namespace {

/// Members in the order they are made.
using Json = nlohmann::ordered_json;

constexpr int pretty_indent = 2;

int indent_of(JsonStyle style) noexcept {
    return style == JsonStyle::pretty ? pretty_indent : -1;
}

cdat::JsonStyle cdat_style(JsonStyle style) noexcept {
    return style == JsonStyle::pretty ? cdat::JsonStyle::pretty : cdat::JsonStyle::compact;
}

/// The library throws; nothing above this function does.
template <typename Make>
Outcome<std::string> document(JsonStyle style, const Make& make) {
    try {
        Json root = {{"schema", json_schema}};
        make(root);
        return root.dump(indent_of(style), ' ', true, Json::error_handler_t::replace) + "\n";
    } catch (const Json::exception& error) {
        return failed(FailureKind::general, std::string("cannot write JSON: ") + error.what(),
                      versions_differ);
    }
}

Json or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}
Json or_null(std::int32_t number) {
    return number < 0 ? Json(nullptr) : Json(number);
}

Json to_json(const Feature& feature) {
    return {{"vendor_id", fmt::format("{:04x}", feature.vendor_id)},
            {"type", fmt::format("{:02x}", feature.object_type)},
            {"name", or_null(feature.name)}};
}

Json to_json(std::span<const Feature> features) {
    Json all = Json::array();
    for (const auto& feature : features) {
        all.push_back(to_json(feature));
    }
    return all;
}

Json to_json(const CdatRecord& cdat) {
    return {{"length", cdat.length_bytes},    {"revision", cdat.revision},
            {"sequence", cdat.sequence},      {"checksum_valid", cdat.checksum_valid},
            {"source", or_null(cdat.source)}, {"problems", cdat.problems}};
}

Json counters_of(const MailboxRecord& mailbox) {
    return {{"exchanges", mailbox.exchanges},
            {"aborts", mailbox.aborts},
            {"timeouts", mailbox.timeouts},
            {"errors", mailbox.errors},
            {"interrupt_completions", mailbox.interrupt_completions},
            {"poll_completions", mailbox.poll_completions},
            {"config_reads", mailbox.config_reads},
            {"config_writes", mailbox.config_writes}};
}

Json to_json(const DeviceRecord& device, const MailboxRecord& mailbox) {
    Json json = {{"name", mailbox_name(device, mailbox)},
                 {"offset", fmt::format("{:x}", mailbox.offset)},
                 {"capability_version", mailbox.capability_version},
                 {"state", mailbox.state},
                 {"owner", mailbox.owner},
                 {"owner_reason", or_null(mailbox.owner_reason)},
                 {"backend", mailbox.backend},
                 {"completion", or_null(mailbox.completion)},
                 {"features", to_json(mailbox.features)},
                 {"queue_length", mailbox.queue_length}};
    json.update(counters_of(mailbox));
    json["last_error"] = or_null(mailbox.last_error);
    json["cdat"] = mailbox.cdat ? to_json(*mailbox.cdat) : Json(nullptr);
    return json;
}

Json to_json(const DeviceRecord& device) {
    Json mailboxes = Json::array();
    for (const auto& mailbox : device.mailboxes) {
        mailboxes.push_back(to_json(device, mailbox));
    }
    return {{"address", device.address},
            {"vendor_id", fmt::format("{:04x}", device.vendor_id)},
            {"device_id", fmt::format("{:04x}", device.device_id)},
            {"subsystem_vendor_id", fmt::format("{:04x}", device.subsystem_vendor_id)},
            {"subsystem_id", fmt::format("{:04x}", device.subsystem_id)},
            {"class_code", fmt::format("{:06x}", device.class_code)},
            {"driver", or_null(device.driver)},
            {"numa_node", or_null(device.numa_node)},
            {"iommu_group", or_null(device.iommu_group)},
            {"mailboxes", std::move(mailboxes)}};
}

}  // namespace

Outcome<std::string> json_of_devices(std::span<const DeviceRecord> devices, JsonStyle style) {
    return document(style, [&](Json& root) {
        Json& all = root["devices"] = Json::array();
        for (const auto& device : devices) {
            all.push_back(to_json(device));
        }
    });
}

Outcome<std::string> json_of_device(const DeviceRecord& device, JsonStyle style) {
    return document(style, [&](Json& root) { root["device"] = to_json(device); });
}

Outcome<std::string> json_of_stats(std::span<const DeviceRecord> devices, JsonStyle style) {
    return document(style, [&](Json& root) {
        Json& all = root["mailboxes"] = Json::array();
        for (const auto& device : devices) {
            for (const auto& mailbox : device.mailboxes) {
                Json counters = {{"name", mailbox_name(device, mailbox)},
                                 {"vendor_id", fmt::format("{:04x}", device.vendor_id)},
                                 {"device_id", fmt::format("{:04x}", device.device_id)},
                                 {"state", mailbox.state},
                                 {"owner", mailbox.owner},
                                 {"queue_length", mailbox.queue_length}};
                counters.update(counters_of(mailbox));
                all.push_back(std::move(counters));
            }
        }
    });
}

Outcome<std::string> json_of_features(const std::string& mailbox, std::span<const Feature> features,
                                      JsonStyle style) {
    return document(style, [&](Json& root) {
        root["mailbox"] = mailbox;
        root["features"] = to_json(features);
    });
}

Outcome<std::string> json_of_cdat(const CdatReading& reading, JsonStyle style) {
    try {
        const cdat::Origin origin{.mailbox = reading.from_file() ? std::string() : reading.name,
                                  .source = reading.source};
        const auto text =
            reading.document.empty()
                ? cdat::to_json(reading.table, origin, cdat_style(style))
                : Json::parse(reading.document)
                      .dump(indent_of(style), ' ', true, Json::error_handler_t::replace);
        return text + "\n";
    } catch (const Json::exception& error) {
        return failed(FailureKind::general, std::string("cannot write JSON: ") + error.what(),
                      versions_differ);
    }
}

Outcome<std::string> json_of_cdats(std::span<const CdatReading> readings, JsonStyle style) {
    // The documents are put together as texts: taken apart first, those of a large host would not fit into memory.
    std::string out = "{\"schema\":" + std::to_string(json_schema) + ",\"tables\":[";
    const std::string_view line_break = style == JsonStyle::pretty ? "\n" : "";
    std::string_view separator;
    for (const auto& reading : readings) {
        auto document = json_of_cdat(reading, style);
        if (!document) {
            return document;
        }
        document->pop_back();
        out.append(separator).append(line_break).append(*document);
        separator = ",";
    }
    return out.append(line_break) + "]}\n";
}

}  // namespace doed::client
