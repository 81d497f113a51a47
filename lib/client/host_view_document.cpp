// SPDX-License-Identifier: Apache-2.0
#include "client/host_view_document.hpp"

#include "base/json_reader.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <system_error>

namespace doed::client {

namespace {

using base::JsonValue;

/// A text of decimal digits, or null.
std::optional<std::uint64_t> figure(const JsonValue& value) {
    if (value.is_null()) {
        return std::nullopt;
    }
    const std::string text = value.string();
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || rest != end) {
        value.refuse("a number as text");
        return std::nullopt;
    }
    return number;
}

cdat::HostRegion read_region(const JsonValue& value) {
    cdat::HostRegion region;
    for (const auto& [key, member] : value.members()) {
        if (key == "name") {
            region.name = member.string();
        } else if (key == "numa_node" && !member.is_null()) {
            region.numa_node = member.integer<std::int32_t>();
        } else if (key == "targets") {
            region.targets = member.integer<std::uint32_t>();
        } else if (key == "read_latency_ns") {
            region.figures.read_latency_ns = figure(member);
        } else if (key == "write_latency_ns") {
            region.figures.write_latency_ns = figure(member);
        } else if (key == "read_bandwidth_mb_per_s") {
            region.figures.read_bandwidth_mbps = figure(member);
        } else if (key == "write_bandwidth_mb_per_s") {
            region.figures.write_bandwidth_mbps = figure(member);
        }
    }
    return region;
}

cdat::HostView read_host(const JsonValue& value) {
    cdat::HostView host;
    for (const auto& [key, member] : value.members()) {
        if (key == "memory_device") {
            host.memory_device = member.string();
        } else if (key == "regions") {
            for (const JsonValue& region : member.array()) {
                host.regions.push_back(read_region(region));
            }
        }
    }
    return host;
}

}  // namespace

Outcome<cdat::HostView> host_view_of(std::string_view document) {
    // All else is the table, which may be a million values.
    const auto parsed =
        base::JsonDocument::parse_members(document, "doed's document of the table",
                                          [](std::string_view key) { return key == "host"; });
    if (!parsed) {
        return failed(FailureKind::general, parsed.error().message(), versions_differ);
    }
    cdat::HostView host;
    for (const auto& [key, member] : parsed->root().members()) {
        if (key == "host" && !member.is_null()) {
            host = read_host(member);
        }
    }
    if (const auto good = parsed->check(); !good) {
        return failed(FailureKind::general, good.error().message(), versions_differ);
    }
    return host;
}

}  // namespace doed::client
