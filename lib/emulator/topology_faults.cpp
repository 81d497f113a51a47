// SPDX-License-Identifier: Apache-2.0
#include "emulator/topology_faults.hpp"

#include "doe/protocol.hpp"

#include <string>

namespace doed::emulator {

namespace {

using base::JsonObject;
using base::JsonValue;

constexpr std::size_t max_rules = 64;
constexpr std::uint64_t longest_us = 86'400'000'000;  // a day

FaultKind read_kind(const JsonValue& value) {
    std::vector<base::JsonChoice<FaultKind>> kinds;
    for (const FaultTraits& traits : all_fault_traits()) {
        kinds.emplace_back(traits.name, traits.kind);
    }
    return value.choice<FaultKind>(kinds);
}

base::Duration read_time_us(const JsonValue& value) {
    return std::chrono::microseconds(value.integer<std::uint64_t>(0, longest_us));
}

FaultRule read_occasions(const JsonObject& object, FaultKind kind) {
    const auto at = object.find("at");
    const auto rate = object.find("rate");
    const auto count = object.find("count");
    if (at.has_value() == rate.has_value()) {
        object.value().refuse_because(at ? R"(has both "at" and "rate")"
                                         : R"(has neither "at" nor "rate")");
    }
    const auto strikes =
        count ? std::optional(count->integer<std::uint64_t>(1, INT64_MAX)) : std::nullopt;
    if (at) {
        return FaultRule::at(kind, at->integer<std::uint64_t>(1, INT64_MAX), strikes.value_or(1));
    }
    return {.kind = kind,
            .rate = rate ? rate->fraction() : 0,
            .count = strikes.value_or(FaultRule::unlimited)};
}

void read_window(const JsonObject& object, FaultRule& rule) {
    if (const auto from = object.find("from_us")) {
        rule.from = read_time_us(*from);
    }
    if (const auto until = object.find("until_us")) {
        rule.until = read_time_us(*until);
        if (rule.until <= rule.from) {
            until->refuse_because(R"(not after "from_us")");
        }
    }
}

// The member `key`, where faults of this kind have one.
std::optional<JsonValue> find_parameter(const JsonObject& object, std::string_view key,
                                        FaultParameter use, std::string_view kind) {
    if (use == FaultParameter::required) {
        return object.get(key);
    }
    auto found = object.find(key);
    if (found && use == FaultParameter::unused) {
        found->refuse_because("a fault of kind \"" + std::string(kind) + "\" has none");
        return std::nullopt;
    }
    return found;
}

FaultRule read_rule(const JsonValue& value, bool serves_table) {
    const JsonObject object =
        value.object({"kind", "at", "rate", "count", "from_us", "until_us", "time_us", "dwords"});
    const JsonValue kind = object.get("kind");
    const FaultTraits& traits = fault_traits(read_kind(kind));
    if (traits.needs_table && !serves_table) {
        kind.refuse_because("the mailbox does not have the protocol " +
                            doe::protocol_table_access.to_string());
    }
    FaultRule rule = read_occasions(object, traits.kind);
    read_window(object, rule);
    if (const auto time = find_parameter(object, "time_us", traits.time, traits.name)) {
        rule.time = read_time_us(*time);
    }
    if (const auto dwords = find_parameter(object, "dwords", traits.dwords, traits.name)) {
        rule.dwords = dwords->integer<std::uint32_t>(1, FaultRule::max_dwords);
    }
    return rule;
}

}  // namespace

std::vector<FaultRule> read_faults(const JsonValue& value, bool serves_table) {
    std::vector<FaultRule> rules;
    for (const auto& rule : value.array()) {
        rules.push_back(read_rule(rule, serves_table));
    }
    if (rules.size() > max_rules) {
        value.refuse_because("more than " + std::to_string(max_rules) + " faults");
    }
    return rules;
}

}  // namespace doed::emulator
