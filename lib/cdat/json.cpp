// SPDX-License-Identifier: Apache-2.0
#include "cdat/json.hpp"

#include "cdat/json_writer.hpp"
#include "cdat/names.hpp"
#include "cdat/summary.hpp"
#include "cdat/value.hpp"

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace doed::cdat {

namespace {

constexpr std::size_t pretty_indent = 2;

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
            fields_[count_++] = {offset, number};
        }
    }
    void write(JsonWriter& json) const {
        if (count_ == 0) {
            return;
        }
        json.key("reserved");
        json.begin_object();
        for (const auto& [offset, number] : std::span(fields_).first(count_)) {
            json.member(std::to_string(offset), number);
        }
        json.end_object();
    }

private:
    std::array<std::pair<std::uint32_t, std::uint32_t>, 4> fields_{};
    std::size_t count_ = 0;
};

/// Members that structures, ranges and parts share.
class Members {
public:
    explicit Members(JsonWriter& json) : json_(json) {}

    void text_number(std::string_view key, std::uint64_t number) {
        json_.key(key);
        json_.text_value(number);
    }
    void text_number(std::string_view key, const std::optional<std::uint64_t>& number) {
        json_.key(key);
        number ? json_.text_value(*number) : json_.value(nullptr);
    }
    void word(std::string_view key, std::string_view text) {
        json_.key(key);
        json_.value_or_null(text);
    }
    void names(std::string_view key, std::uint8_t flags, std::span<const FlagName> known) {
        json_.key(key);
        json_.begin_array();
        for (const auto name : names_of(flags, known)) {
            json_.value(name);
        }
        json_.end_array();
    }
    void memory_type(const Dsemts& dsemts) {
        json_.member("memory_type", dsemts.memory_type);
        word("memory_type_name", efi_memory_type_name(dsemts.memory_type));
        text_number("dpa_offset", dsemts.dpa_offset_bytes);
        text_number("dpa_length", dsemts.dpa_length_bytes);
    }

protected:
    JsonWriter& json_;
};

// --- Structures ----------------------------------------------------------------------------------

std::string_view unit_of(std::uint8_t data_type) {
    if (data_type >= data_type_count) {
        return {};
    }
    return is_latency(static_cast<DataType>(data_type)) ? "ps" : "MB/s";
}

class BodyWriter : private Members {
public:
    BodyWriter(JsonWriter& json, Reserved& reserved) : Members(json), reserved_(reserved) {}

    void operator()(const Opaque&) {}
    void operator()(const Dsmas& dsmas) {
        json_.member("handle", dsmas.handle);
        flags(dsmas.flags, dsmas_flags());
        text_number("dpa_base", dsmas.dpa_base_bytes);
        text_number("dpa_length", dsmas.dpa_length_bytes);
        reserved_.add(6, dsmas.reserved);
    }
    void operator()(const Dslbis& dslbis) {
        const auto hierarchy = static_cast<unsigned>(dslbis.flags & Dslbis::hierarchy_mask);
        json_.member("handle", dslbis.handle);
        flags(dslbis.flags, dslbis_flags());
        word("hierarchy", hierarchy_name(hierarchy));
        data_type(dslbis.data_type);
        text_number("base_unit", dslbis.base_unit);
        json_.key("entries");
        json_.begin_array();
        for (const auto entry : dslbis.entries) {
            json_.value(entry);
        }
        json_.end_array();
        word("unit", unit_of(dslbis.data_type));
        json_.key("values");
        json_.begin_array();
        for (const auto entry : dslbis.entries) {
            value(Value::of(dslbis.base_unit, entry));
        }
        json_.end_array();
        reserved_.add(7, dslbis.reserved);
        reserved_.add(22, dslbis.reserved_end);
    }
    void operator()(const Dsmscis& dsmscis) {
        json_.member("handle", dsmscis.handle);
        text_number("cache_size", dsmscis.cache_size_bytes);
        json_.member("attributes", dsmscis.attributes);
        json_.member("cache_levels", dsmscis.total_levels());
        json_.member("cache_level", dsmscis.level());
        word("associativity", associativity_name(dsmscis.associativity()));
        word("write_policy", write_policy_name(dsmscis.write_policy()));
        json_.member("line_size", dsmscis.line_size_bytes());
        reserved_.add(5, number_of(dsmscis.reserved));
    }
    void operator()(const Dsis& dsis) {
        flags(dsis.flags, dsis_flags());
        json_.member("handle", dsis.handle);
        reserved_.add(6, dsis.reserved);
    }
    void operator()(const Dsemts& dsemts) {
        json_.member("handle", dsemts.handle);
        memory_type(dsemts);
        reserved_.add(6, dsemts.reserved);
    }
    void operator()(const Sslbis& sslbis) {
        data_type(sslbis.data_type);
        text_number("base_unit", sslbis.base_unit);
        word("unit", unit_of(sslbis.data_type));
        json_.key("entries");
        json_.begin_array();
        for (const SwitchEntry& entry : sslbis.entries) {
            if (json_.full()) {
                break;
            }
            json_.begin_object();
            json_.member("port_x", entry.port_x);
            json_.member("port_y", entry.port_y);
            json_.member("entry", entry.value);
            json_.key("value");
            value(Value::of(sslbis.base_unit, entry.value));
            if (entry.reserved != 0) {
                json_.member("reserved", entry.reserved);
            }
            json_.end_object();
        }
        json_.end_array();
        reserved_.add(5, number_of(sslbis.reserved));
    }

private:
    void flags(std::uint8_t flags, std::span<const FlagName> known) {
        json_.member("flags", flags);
        names("flag_names", flags, known);
    }
    void data_type(std::uint8_t data_type) {
        json_.member("data_type", data_type);
        word("data_type_name", data_type_name(data_type));
    }
    void value(const Value& value) {
        value.kind == Value::Kind::given ? json_.text_value(value.amount) : json_.value(nullptr);
    }

    Reserved& reserved_;
};

void write(JsonWriter& json, const Structure& structure, std::uint32_t offset_bytes) {
    json.begin_object();
    json.member("offset", offset_bytes);
    json.member("type", structure.type);
    json.key("name");
    json.value_or_null(structure_name(structure.type));
    json.member("length", structure.length_bytes());
    Reserved reserved;
    reserved.add(1, structure.reserved);
    std::visit(BodyWriter(json, reserved), structure.body);
    reserved.write(json);
    if (!structure.rest.empty() || std::holds_alternative<Opaque>(structure.body)) {
        json.member("rest", hex_bytes_text(structure.rest, ""));
    }
    json.end_object();
}

void write(JsonWriter& json, const Problem& problem) {
    json.begin_object();
    json.member("kind", to_string(problem.kind));
    json.member("severity", to_string(problem.severity));
    json.member("offset", problem.offset_bytes);
    json.member("text", problem.text);
    json.end_object();
}

// --- Summary -------------------------------------------------------------------------------------

class SummaryWriter : private Members {
public:
    explicit SummaryWriter(JsonWriter& json) : Members(json) {}

    void write(const Summary& summary) {
        json_.begin_object();
        list("memory_ranges", summary.ranges);
        list("initiators", summary.initiators);
        list("port_pairs", summary.port_pairs);
        json_.end_object();
    }

private:
    template <typename T>
    void list(std::string_view key, const std::vector<T>& all) {
        json_.key(key);
        json_.begin_array();
        for (const T& one : all) {
            if (json_.full()) {
                break;
            }
            json_.begin_object();
            members(one);
            json_.end_object();
        }
        json_.end_array();
    }

    void members(const MemoryRange& range) {
        json_.member("handle", range.dsmas.handle);
        text_number("dpa_base", range.dsmas.dpa_base_bytes);
        text_number("dpa_length", range.dsmas.dpa_length_bytes);
        json_.member("volatile", (range.dsmas.flags & Dsmas::non_volatile) == 0);
        names("flags", range.dsmas.flags, dsmas_flags());
        performance(range.performance);
        list("efi_memory_types", range.parts);
        list("caches", range.caches);
        json_.member("initiator_attached", range.initiator_attached);
    }
    void members(const Dsemts& part) { memory_type(part); }
    void members(const CacheLevel& level) {
        const Dsmscis& cache = level.cache;
        json_.member("level", cache.level());
        text_number("size", cache.cache_size_bytes);
        json_.member("line_size", cache.line_size_bytes());
        word("associativity", associativity_name(cache.associativity()));
        word("write_policy", write_policy_name(cache.write_policy()));
        performance(level.performance);
    }
    void members(const Initiator& initiator) {
        json_.member("handle", initiator.handle);
        performance(initiator.performance);
    }
    void members(const PortPair& pair) {
        json_.member("port_x", pair.port_x);
        json_.member("port_x_name", port_name(pair.port_x));
        json_.member("port_y", pair.port_y);
        json_.member("port_y_name", port_name(pair.port_y));
        performance(pair.performance);
    }

    void performance(const Performance& performance) {
        figure("read_latency", performance.read_latency);
        figure("write_latency", performance.write_latency);
        figure("read_bandwidth", performance.read_bandwidth);
        figure("write_bandwidth", performance.write_bandwidth);
    }
    void figure(std::string_view key, const std::optional<Figure>& figure) {
        json_.key(key);
        if (!figure) {
            json_.value(nullptr);
            return;
        }
        const bool given = figure->value.kind == Value::Kind::given;
        const bool latency = is_latency(figure->from);
        json_.begin_object();
        json_.member("state", to_string(figure->value.kind));
        json_.member("from", data_type_name(static_cast<std::uint8_t>(figure->from)));
        json_.key(latency ? "ns" : "mb_per_s");
        if (!given) {
            json_.value(nullptr);
        } else if (latency) {
            json_.value(nanoseconds_text(figure->value.amount));
        } else {
            json_.text_value(figure->value.amount);
        }
        json_.end_object();
    }
};

// --- What is not in the bytes --------------------------------------------------------------------

void write(JsonWriter& json, const HostView& host) {
    if (host.empty()) {
        json.value(nullptr);
        return;
    }
    json.begin_object();
    json.member("memory_device", host.memory_device);
    json.key("regions");
    json.begin_array();
    for (const HostRegion& region : host.regions) {
        Members members(json);
        json.begin_object();
        json.member("name", region.name);
        json.key("numa_node");
        region.numa_node ? json.value(*region.numa_node) : json.value(nullptr);
        json.member("targets", region.targets);
        members.text_number("read_latency_ns", region.figures.read_latency_ns);
        members.text_number("write_latency_ns", region.figures.write_latency_ns);
        members.text_number("read_bandwidth_mb_per_s", region.figures.read_bandwidth_mbps);
        members.text_number("write_bandwidth_mb_per_s", region.figures.write_bandwidth_mbps);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

void write(JsonWriter& json, const std::optional<TableHeader>& header) {
    if (!header) {
        json.value(nullptr);
        return;
    }
    json.begin_object();
    json.member("length", header->length_bytes);
    json.member("revision", header->revision);
    json.member("checksum", header->checksum);
    json.member("reserved", hex_bytes_text(header->reserved, ""));
    json.member("sequence", header->sequence);
    json.end_object();
}

void write(JsonWriter& json, const Table& table, const Origin& origin) {
    const Document document = decode(table);
    json.begin_object();
    json.member("schema", json_schema);
    json.key("mailbox");
    json.value_or_null(origin.mailbox);
    json.key("source");
    json.value_or_null(origin.source);
    json.member("size", table.bytes().size());
    json.member("checksum_valid", table.checksum_valid());
    json.key("problems");
    json.begin_array();
    for (const Problem& problem : table.all_problems()) {
        write(json, problem);
    }
    json.end_array();
    json.key("summary");
    SummaryWriter(json).write(summarize(document));
    json.key("host");
    write(json, origin.host);
    json.key("header");
    write(json, document.header);
    json.key("structures");
    json.begin_array();
    for (std::size_t i = 0; i < document.structures.size() && !json.full(); ++i) {
        write(json, document.structures[i], table.structures()[i].offset_bytes);
    }
    json.end_array();
    json.member("rest", hex_bytes_text(document.rest, ""));
    json.end_object();
}

std::size_t indent_of(JsonStyle style) {
    return style == JsonStyle::pretty ? pretty_indent : 0;
}

}  // namespace

std::string to_json(const Table& table, const Origin& origin, JsonStyle style) {
    JsonWriter json(indent_of(style));
    write(json, table, origin);
    return json.take();
}

std::optional<std::string> to_json_within(std::size_t max_size_bytes, const Table& table,
                                          const Origin& origin, JsonStyle style) {
    JsonWriter json(indent_of(style), max_size_bytes);
    write(json, table, origin);
    return json.full() ? std::nullopt : std::optional(json.take());
}

}  // namespace doed::cdat
