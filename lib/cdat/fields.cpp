// SPDX-License-Identifier: Apache-2.0
#include "cdat/fields.hpp"

#include "cdat/names.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <utility>

namespace doed::cdat {

namespace {

constexpr std::size_t shown_rest_bytes = 16;

std::string bytes_text(std::span<const std::uint8_t> bytes) {
    const std::string text =
        hex_bytes_text(bytes.first(std::min(bytes.size(), shown_rest_bytes)), " ");
    return bytes.size() > shown_rest_bytes ? text + " ..." : text;
}

std::string rest_text(std::span<const std::uint8_t> bytes) {
    const std::string count =
        std::to_string(bytes.size()) + (bytes.size() == 1 ? " byte" : " bytes");
    const bool zeros = std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
    return zeros ? count + " of zeros" : count + ": " + bytes_text(bytes);
}

/// "words (0x1f)", or the number alone when there are none.
std::string worded(std::string_view words, std::uint64_t number) {
    return words.empty() ? hex_text(number) : std::string(words) + " (" + hex_text(number) + ")";
}

std::string flags_text(std::uint8_t flags, std::uint8_t known_bits,
                       std::span<const FlagName> known) {
    std::string words;
    for (const std::string_view name : names_of(flags, known)) {
        words += (words.empty() ? "" : ", ") + std::string(name);
    }
    const auto others = static_cast<std::uint8_t>(flags & ~known_bits);
    if (others != 0) {
        words += (words.empty() ? "" : ", ") + std::string("reserved ") + hex_text(others);
    }
    return words.empty() ? "none" : words;
}

std::string address_text(std::uint64_t address) {
    return hex_text(address);
}

std::string bytes_and_size(std::uint64_t size) {
    return size_text(size) + " (" + hex_text(size) + ")";
}

/// Adds fields one behind the other.
class Lister {
public:
    explicit Lister(std::uint32_t offset_bytes) : at_(offset_bytes) {}

    Lister& add(std::uint32_t size_bytes, std::string name, std::string value,
                Field::Kind kind = Field::Kind::value) {
        fields_.push_back({at_, size_bytes, kind, std::move(name), std::move(value)});
        at_ += size_bytes;
        return *this;
    }
    Lister& reserved(std::uint32_t size_bytes, std::uint64_t number) {
        return add(size_bytes, "Reserved", hex_text(number), Field::Kind::reserved);
    }
    template <std::size_t count>
    Lister& reserved(const std::array<std::uint8_t, count>& bytes) {
        return add(count, "Reserved", bytes_text(bytes), Field::Kind::reserved);
    }
    Lister& rest(std::span<const std::uint8_t> bytes, std::string name) {
        return bytes.empty() ? *this
                             : add(static_cast<std::uint32_t>(bytes.size()), std::move(name),
                                   rest_text(bytes), Field::Kind::rest);
    }
    [[nodiscard]] std::vector<Field> take() noexcept { return std::move(fields_); }

private:
    std::uint32_t at_;
    std::vector<Field> fields_;
};

std::string handle_text(std::uint8_t handle) {
    return std::to_string(handle);
}

std::string entry_text(std::uint64_t base_unit, std::uint16_t entry, std::uint8_t data_type) {
    std::string number = std::to_string(entry);
    if (data_type >= data_type_count) {
        return number;
    }
    return number + " = " +
           value_text(Value::of(base_unit, entry), is_latency(static_cast<DataType>(data_type)));
}

std::string base_unit_text(std::uint64_t base_unit, std::uint8_t data_type) {
    std::string number = std::to_string(base_unit);
    if (data_type >= data_type_count) {
        return number;
    }
    return number + (is_latency(static_cast<DataType>(data_type)) ? " ps" : " MB/s");
}

class BodyLister {
public:
    BodyLister(Lister& list, EntryFields entries) : list_(list), entries_(entries) {}

    void operator()(const Opaque&) {}
    void operator()(const Dsmas& dsmas) {
        list_.add(1, "DSMADHandle", handle_text(dsmas.handle))
            .add(1, "Flags", flags_text(dsmas.flags, Dsmas::known_flags, dsmas_flags()))
            .reserved(2, dsmas.reserved)
            .add(8, "DPA Base", address_text(dsmas.dpa_base_bytes))
            .add(8, "DPA Length", bytes_and_size(dsmas.dpa_length_bytes));
    }
    void operator()(const Dslbis& dslbis) {
        const auto hierarchy = static_cast<unsigned>(dslbis.flags & Dslbis::hierarchy_mask);
        const std::string_view level = hierarchy_name(hierarchy);
        std::string flags =
            level.empty() ? "hierarchy " + std::to_string(hierarchy) : std::string(level);
        const auto others = static_cast<std::uint8_t>(dslbis.flags & ~Dslbis::hierarchy_mask);
        if (others != 0) {
            flags += ", " + flags_text(others, Dslbis::known_flags, dslbis_flags());
        }
        list_.add(1, "Handle", handle_text(dslbis.handle))
            .add(1, "Flags", flags)
            .add(1, "Data Type", worded(data_type_name(dslbis.data_type), dslbis.data_type))
            .reserved(1, dslbis.reserved)
            .add(8, "Entry Base Unit", base_unit_text(dslbis.base_unit, dslbis.data_type));
        for (std::size_t i = 0; i < dslbis.entries.size(); ++i) {
            // Memory has the first alone, the others are reserved.
            list_.add(2, "Entry[" + std::to_string(i) + "]",
                      i == 0 ? entry_text(dslbis.base_unit, dslbis.entries[i], dslbis.data_type)
                             : std::to_string(dslbis.entries[i]),
                      i == 0 ? Field::Kind::value : Field::Kind::reserved);
        }
        list_.reserved(2, dslbis.reserved_end);
    }
    void operator()(const Dsmscis& dsmscis) {
        list_.add(1, "DSMADHandle", handle_text(dsmscis.handle))
            .reserved(dsmscis.reserved)
            .add(8, "Memory Side Cache Size", bytes_and_size(dsmscis.cache_size_bytes))
            .add(4, "Cache Attributes", attributes_text(dsmscis));
    }
    void operator()(const Dsis& dsis) {
        list_.add(1, "Flags", flags_text(dsis.flags, Dsis::known_flags, dsis_flags()))
            .add(1, "Handle", handle_text(dsis.handle))
            .reserved(2, dsis.reserved);
    }
    void operator()(const Dsemts& dsemts) {
        list_.add(1, "DSMADHandle", handle_text(dsemts.handle))
            .add(1, "EFI Memory Type and Attribute",
                 worded(efi_memory_type_name(dsemts.memory_type), dsemts.memory_type))
            .reserved(2, dsemts.reserved)
            .add(8, "DPA Offset", address_text(dsemts.dpa_offset_bytes))
            .add(8, "DPA Length", bytes_and_size(dsemts.dpa_length_bytes));
    }
    void operator()(const Sslbis& sslbis) {
        list_.add(1, "Data Type", worded(data_type_name(sslbis.data_type), sslbis.data_type))
            .reserved(sslbis.reserved)
            .add(8, "Entry Base Unit", base_unit_text(sslbis.base_unit, sslbis.data_type));
        for (std::size_t i = 0; i < sslbis.entries.size(); ++i) {
            const SwitchEntry& entry = sslbis.entries[i];
            const std::string number = "[" + std::to_string(i) + "]";
            if (entries_ == EntryFields::whole) {
                list_.add(8, "Entry" + number,
                          port_name(entry.port_x) + " to " + port_name(entry.port_y) + ": " +
                              entry_text(sslbis.base_unit, entry.value, sslbis.data_type));
                continue;
            }
            list_.add(2, "Port X ID" + number, port_name(entry.port_x))
                .add(2, "Port Y ID" + number, port_name(entry.port_y))
                .add(2, "Latency or Bandwidth" + number,
                     entry_text(sslbis.base_unit, entry.value, sslbis.data_type))
                .reserved(2, entry.reserved);
        }
    }

private:
    static std::string attributes_text(const Dsmscis& dsmscis) {
        const auto or_number = [](std::string_view word, std::string_view what, unsigned number) {
            return word.empty() ? std::string(what) + " " + std::to_string(number)
                                : std::string(word);
        };
        return "level " + std::to_string(dsmscis.level()) + " of " +
               std::to_string(dsmscis.total_levels()) + ", associativity " +
               or_number(associativity_name(dsmscis.associativity()), "type",
                         dsmscis.associativity()) +
               ", write policy " +
               or_number(write_policy_name(dsmscis.write_policy()), "type",
                         dsmscis.write_policy()) +
               ", lines of " + std::to_string(dsmscis.line_size_bytes()) + " bytes";
    }

    Lister& list_;
    EntryFields entries_;
};

std::string_view long_name(std::uint8_t type) {
    constexpr std::array<std::string_view, 6> names{
        "Device Scoped Memory Affinity",
        "Device Scoped Latency and Bandwidth Information",
        "Device Scoped Memory Side Cache Information",
        "Device Scoped Initiator",
        "Device Scoped EFI Memory Type",
        "Switch Scoped Latency and Bandwidth Information",
    };
    return type < names.size() ? names[type] : std::string_view{};
}

}  // namespace

std::vector<Field> header_fields(const Table& table) {
    Lister list(0);
    const std::span<const std::uint8_t> bytes(table.bytes());
    if (bytes.size() < table_header_size_bytes) {
        return list.rest(bytes, "Part of a header").take();
    }
    const TableHeader& header = table.header();
    list.add(4, "Length", std::to_string(header.length_bytes) + " bytes")
        .add(1, "Revision", std::to_string(header.revision));
    std::string sum = table.checksum_valid() ? "right" : "wrong";
    list.add(1, "Checksum", hex_text(header.checksum) + ", " + sum)
        .reserved(header.reserved)
        .add(4, "Sequence", std::to_string(header.sequence));
    return list.take();
}

std::vector<Field> structure_fields(const Table& table, const RawStructure& raw,
                                    EntryFields entries) {
    const Structure structure = decode_structure(table.bytes_of(raw));
    const std::string_view name = structure_name(raw.type);
    Lister list(raw.offset_bytes);
    list.add(1, "Type", worded(name, raw.type), Field::Kind::frame)
        .reserved(1, structure.reserved)
        .add(2, "Length", std::to_string(raw.length_bytes) + " bytes", Field::Kind::frame);
    std::visit(BodyLister(list, entries), structure.body);
    const bool opaque = std::holds_alternative<Opaque>(structure.body);
    return list.rest(structure.rest, opaque ? "Content" : "Beyond its fields").take();
}

std::vector<Field> rest_fields(const Table& table) {
    const std::span<const std::uint8_t> bytes(table.bytes());
    if (bytes.size() < table_header_size_bytes) {
        return {};
    }
    const std::size_t end = table.structures().empty() ? table_header_size_bytes
                                                       : table.structures().back().offset_bytes +
                                                             table.structures().back().length_bytes;
    return Lister(static_cast<std::uint32_t>(end))
        .rest(bytes.subspan(end), "After the last structure")
        .take();
}

std::string structure_title(std::uint8_t type) {
    const std::string_view name = structure_name(type);
    return name.empty() ? "type " + hex_text(type)
                        : std::string(name) + ": " + std::string(long_name(type));
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::array<std::pair<std::string_view, unsigned>, 6> units{
        {{"EiB", 60}, {"PiB", 50}, {"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}}};
    for (const auto& [unit, shift] : units) {
        const std::uint64_t whole = bytes >> shift;
        // Quarters are what binary sizes come in; finer ones are told in a smaller unit.
        const std::uint64_t quarter = 1ULL << (shift - 2);
        if (whole == 0 || bytes % quarter != 0) {
            continue;
        }
        constexpr std::array<std::string_view, 4> decimals{"", ".25", ".5", ".75"};
        return std::to_string(whole) + std::string(decimals[bytes / quarter % 4]) + " " +
               std::string(unit);
    }
    return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

std::string value_text(const Value& value, bool is_latency) {
    switch (value.kind) {
        case Value::Kind::given:
            return is_latency ? nanoseconds_text(value.amount) + " ns"
                              : std::to_string(value.amount) + " MB/s";
        case Value::Kind::not_provided: return "not provided";
        case Value::Kind::unreachable: return "unreachable";
        case Value::Kind::overflow: return "more than 64 bits";
    }
    return {};
}

}  // namespace doed::cdat
