// SPDX-License-Identifier: Apache-2.0
#include "cdat/json.hpp"

#include "cdat/names.hpp"
#include "cdat/summary.hpp"

#include <nlohmann/json.hpp>

#include <span>
#include <string_view>
#include <utility>

namespace doed::cdat {

namespace {

/// Members in the order they are made.
using Json = nlohmann::ordered_json;

constexpr int pretty_indent = 2;

std::string hex_text(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 0xF];
    }
    return text;
}

std::string decimal(std::uint64_t number) {
    return std::to_string(number);
}

Json or_null(std::string_view text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json names_json(std::uint8_t flags, std::span<const FlagName> known) {
    Json names = Json::array();
    for (const auto name : names_of(flags, known)) {
        names.push_back(name);
    }
    return names;
}

template <std::size_t count>
std::uint32_t number_of(const std::array<std::uint8_t, count>& bytes) {
    std::uint32_t number = 0;
    for (std::size_t i = count; i-- > 0;) {
        number = number << 8 | bytes[i];
    }
    return number;
}

/// Reserved fields by their offset in the structure; only those that are not 0.
class Reserved {
public:
    void add(std::uint32_t offset, std::uint32_t number) {
        if (number != 0) {
            fields_[std::to_string(offset)] = number;
        }
    }
    void write_to(Json& structure) {
        if (!fields_.empty()) {
            structure["reserved"] = std::move(fields_);
        }
    }

private:
    Json fields_ = Json::object();
};

// --- Structures ----------------------------------------------------------------------------------------------------------

Json value_json(const Value& value) {
    return value.kind == Value::Kind::given ? Json(decimal(value.amount)) : Json(nullptr);
}

void write_data_type(Json& json, std::uint8_t data_type) {
    json["data_type"] = data_type;
    json["data_type_name"] = or_null(data_type_name(data_type));
}

std::string_view unit_of(std::uint8_t data_type) {
    if (data_type >= data_type_count) {
        return {};
    }
    return is_latency(static_cast<DataType>(data_type)) ? "ps" : "MB/s";
}

class BodyWriter {
public:
    BodyWriter(Json& json, Reserved& reserved) : json_(json), reserved_(reserved) {}

    void operator()(const Opaque&) {}
    void operator()(const Dsmas& dsmas) {
        json_["handle"] = dsmas.handle;
        json_["flags"] = dsmas.flags;
        json_["flag_names"] = names_json(dsmas.flags, dsmas_flags());
        json_["dpa_base"] = decimal(dsmas.dpa_base_bytes);
        json_["dpa_length"] = decimal(dsmas.dpa_length_bytes);
        reserved_.add(6, dsmas.reserved);
    }
    void operator()(const Dslbis& dslbis) {
        const auto hierarchy = dslbis.flags & Dslbis::hierarchy_mask;
        json_["handle"] = dslbis.handle;
        json_["flags"] = dslbis.flags;
        json_["flag_names"] = names_json(dslbis.flags, dslbis_flags());
        json_["hierarchy"] = or_null(hierarchy_name(static_cast<unsigned>(hierarchy)));
        write_data_type(json_, dslbis.data_type);
        json_["base_unit"] = decimal(dslbis.base_unit);
        json_["entries"] = dslbis.entries;
        json_["unit"] = or_null(unit_of(dslbis.data_type));
        Json& values = json_["values"] = Json::array();
        for (const auto entry : dslbis.entries) {
            values.push_back(value_json(Value::of(dslbis.base_unit, entry)));
        }
        reserved_.add(7, dslbis.reserved);
        reserved_.add(22, dslbis.reserved_end);
    }
    void operator()(const Dsmscis& dsmscis) {
        json_["handle"] = dsmscis.handle;
        json_["cache_size"] = decimal(dsmscis.cache_size_bytes);
        json_["attributes"] = dsmscis.attributes;
        json_["cache_levels"] = dsmscis.total_levels();
        json_["cache_level"] = dsmscis.level();
        json_["associativity"] = or_null(associativity_name(dsmscis.associativity()));
        json_["write_policy"] = or_null(write_policy_name(dsmscis.write_policy()));
        json_["line_size"] = dsmscis.line_size_bytes();
        reserved_.add(5, number_of(dsmscis.reserved));
    }
    void operator()(const Dsis& dsis) {
        json_["flags"] = dsis.flags;
        json_["flag_names"] = names_json(dsis.flags, dsis_flags());
        json_["handle"] = dsis.handle;
        reserved_.add(6, dsis.reserved);
    }
    void operator()(const Dsemts& dsemts) {
        json_["handle"] = dsemts.handle;
        json_["memory_type"] = dsemts.memory_type;
        json_["memory_type_name"] = or_null(efi_memory_type_name(dsemts.memory_type));
        json_["dpa_offset"] = decimal(dsemts.dpa_offset_bytes);
        json_["dpa_length"] = decimal(dsemts.dpa_length_bytes);
        reserved_.add(6, dsemts.reserved);
    }
    void operator()(const Sslbis& sslbis) {
        write_data_type(json_, sslbis.data_type);
        json_["base_unit"] = decimal(sslbis.base_unit);
        json_["unit"] = or_null(unit_of(sslbis.data_type));
        Json& entries = json_["entries"] = Json::array();
        for (const SwitchEntry& entry : sslbis.entries) {
            Json& one = entries.emplace_back(
                Json{{"port_x", entry.port_x}, {"port_y", entry.port_y}, {"entry", entry.value}});
            one["value"] = value_json(Value::of(sslbis.base_unit, entry.value));
            if (entry.reserved != 0) {
                one["reserved"] = entry.reserved;
            }
        }
        reserved_.add(5, number_of(sslbis.reserved));
    }

private:
    Json& json_;
    Reserved& reserved_;
};

Json to_json(const Structure& structure, std::uint32_t offset_bytes) {
    Json json{{"offset", offset_bytes},
              {"type", structure.type},
              {"name", or_null(structure_name(structure.type))},
              {"length", structure.length_bytes()}};
    Reserved reserved;
    reserved.add(1, structure.reserved);
    std::visit(BodyWriter(json, reserved), structure.body);
    reserved.write_to(json);
    if (!structure.rest.empty() || std::holds_alternative<Opaque>(structure.body)) {
        json["rest"] = hex_text(structure.rest);
    }
    return json;
}

Json to_json(const Problem& problem) {
    return {{"kind", to_string(problem.kind)},
            {"severity", to_string(problem.severity)},
            {"offset", problem.offset_bytes},
            {"text", problem.text}};
}

// --- Summary -------------------------------------------------------------------------------------------------------------

Json to_json(const std::optional<Figure>& figure) {
    if (!figure) {
        return nullptr;
    }
    const bool latency = is_latency(figure->from);
    Json json{{"state", to_string(figure->value.kind)},
              {"from", data_type_name(static_cast<std::uint8_t>(figure->from))}};
    const bool given = figure->value.kind == Value::Kind::given;
    if (latency) {
        json["ns"] = given ? Json(nanoseconds_text(figure->value.amount)) : Json(nullptr);
    } else {
        json["mb_per_s"] = given ? Json(decimal(figure->value.amount)) : Json(nullptr);
    }
    return json;
}

void write_performance(Json& json, const Performance& performance) {
    json["read_latency"] = to_json(performance.read_latency);
    json["write_latency"] = to_json(performance.write_latency);
    json["read_bandwidth"] = to_json(performance.read_bandwidth);
    json["write_bandwidth"] = to_json(performance.write_bandwidth);
}

Json to_json(const MemoryRange& range) {
    Json json{{"handle", range.dsmas.handle},
              {"dpa_base", decimal(range.dsmas.dpa_base_bytes)},
              {"dpa_length", decimal(range.dsmas.dpa_length_bytes)},
              {"volatile", (range.dsmas.flags & Dsmas::non_volatile) == 0},
              {"flags", names_json(range.dsmas.flags, dsmas_flags())}};
    write_performance(json, range.performance);
    Json& parts = json["efi_memory_types"] = Json::array();
    for (const Dsemts& part : range.parts) {
        parts.push_back({{"memory_type", part.memory_type},
                         {"memory_type_name", or_null(efi_memory_type_name(part.memory_type))},
                         {"dpa_offset", decimal(part.dpa_offset_bytes)},
                         {"dpa_length", decimal(part.dpa_length_bytes)}});
    }
    Json& caches = json["caches"] = Json::array();
    for (const auto& [cache, performance] : range.caches) {
        Json one{{"level", cache.level()},
                 {"size", decimal(cache.cache_size_bytes)},
                 {"line_size", cache.line_size_bytes()},
                 {"associativity", or_null(associativity_name(cache.associativity()))},
                 {"write_policy", or_null(write_policy_name(cache.write_policy()))}};
        write_performance(one, performance);
        caches.push_back(std::move(one));
    }
    json["initiator_attached"] = range.initiator_attached;
    return json;
}

Json to_json(const Summary& summary) {
    Json json{{"memory_ranges", Json::array()},
              {"initiators", Json::array()},
              {"port_pairs", Json::array()}};
    for (const MemoryRange& range : summary.ranges) {
        json["memory_ranges"].push_back(to_json(range));
    }
    for (const Initiator& initiator : summary.initiators) {
        Json one{{"handle", initiator.handle}};
        write_performance(one, initiator.performance);
        json["initiators"].push_back(std::move(one));
    }
    for (const PortPair& pair : summary.port_pairs) {
        Json one{{"port_x", pair.port_x},
                 {"port_x_name", port_name(pair.port_x)},
                 {"port_y", pair.port_y},
                 {"port_y_name", port_name(pair.port_y)}};
        write_performance(one, pair.performance);
        json["port_pairs"].push_back(std::move(one));
    }
    return json;
}

Json or_null(const std::optional<std::uint64_t>& number) {
    return number ? Json(decimal(*number)) : Json(nullptr);
}

Json to_json(const HostView& host) {
    if (host.empty()) {
        return nullptr;
    }
    Json json{{"memory_device", host.memory_device}, {"regions", Json::array()}};
    for (const HostRegion& region : host.regions) {
        json["regions"].push_back(
            {{"name", region.name},
             {"numa_node", region.numa_node ? Json(*region.numa_node) : Json(nullptr)},
             {"read_latency_ns", or_null(region.figures.read_latency_ns)},
             {"write_latency_ns", or_null(region.figures.write_latency_ns)},
             {"read_bandwidth_mb_per_s", or_null(region.figures.read_bandwidth_mbps)},
             {"write_bandwidth_mb_per_s", or_null(region.figures.write_bandwidth_mbps)}});
    }
    return json;
}

Json header_json(const TableHeader& header) {
    return {{"length", header.length_bytes},
            {"revision", header.revision},
            {"checksum", header.checksum},
            {"reserved", hex_text(header.reserved)},
            {"sequence", header.sequence}};
}

}  // namespace

std::string to_json(const Table& table, const Origin& origin, JsonStyle style) {
    const Document document = decode(table);
    Json json{{"schema", json_schema},
              {"mailbox", or_null(origin.mailbox)},
              {"source", or_null(origin.source)},
              {"size", table.bytes().size()},
              {"checksum_valid", table.checksum_valid()}};
    json["problems"] = Json::array();
    for (const Problem& problem : table.all_problems()) {
        json["problems"].push_back(to_json(problem));
    }
    json["summary"] = to_json(summarize(document));
    json["host"] = to_json(origin.host);
    json["header"] = document.header ? header_json(*document.header) : Json(nullptr);
    Json& structures = json["structures"] = Json::array();
    for (std::size_t i = 0; i < document.structures.size(); ++i) {
        structures.push_back(to_json(document.structures[i], table.structures()[i].offset_bytes));
    }
    json["rest"] = hex_text(document.rest);
    return json.dump(style == JsonStyle::pretty ? pretty_indent : -1, ' ', true,
                     Json::error_handler_t::replace);
}

}  // namespace doed::cdat
