// SPDX-License-Identifier: Apache-2.0
#include "cdat/check.hpp"

#include "cdat/structures.hpp"
#include "cdat/value.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace doed::cdat {

namespace {

constexpr std::size_t handle_count = 256;
constexpr std::uint32_t reserved_offset = 1;  // of every structure

template <typename T>
bool any_set(const T& field) {
    if constexpr (std::unsigned_integral<T>) {
        return field != 0;
    } else {
        return std::ranges::any_of(field, [](auto part) { return part != 0; });
    }
}

/// Two ranges [base, base + length) without overflow.
struct Range {
    std::uint64_t base;
    std::uint64_t last;  ///< the range's last byte
    std::uint8_t handle;
    std::uint32_t offset;  ///< of the structure
};

class Checker {
public:
    Checker(const Table& table, ProblemList& problems) : table_(table), problems_(problems) {}

    void run() {
        if (any_set(table_.header().reserved)) {
            reserved("the header's reserved bytes", 6);
        }
        for (const RawStructure& raw : table_.structures()) {
            begin_ = raw.offset_bytes;
            length_ = raw.length_bytes;
            name_ = structure_name(raw.type);
            if (name_.empty()) {
                add(ProblemKind::unknown_structure, Severity::notice, 0, [&] {
                    return "a structure of type " + hex_text(raw.type) +
                           " is not known to CDAT 1.04";
                });
                continue;
            }
            const Structure structure = decode_structure(table_.bytes_of(raw));
            check_frame(structure);
            std::visit([this](const auto& body) { check(body); }, structure.body);
        }
        check_figures();
        check_references();
        check_overlaps();
        check_parts();
        check_ways();
    }

private:
    // --- Each structure by itself -------------------------------------------------------------------

    void check_frame(const Structure& structure) {
        reserved_field(structure.reserved, reserved_offset);
        const bool known = !std::holds_alternative<Opaque>(structure.body);
        if (!known || structure.rest.empty()) {
            return;
        }
        const auto at = static_cast<std::uint32_t>(length_ - structure.rest.size());
        if (std::holds_alternative<Sslbis>(structure.body)) {
            add(ProblemKind::structure_odd_length, Severity::warning, at, [&] {
                return named(std::to_string(structure.rest.size()) +
                             " bytes after the last whole entry");
            });
        } else {
            add(ProblemKind::structure_long, Severity::notice, at, [&] {
                return named(std::to_string(structure.rest.size()) +
                             " bytes beyond the fields of CDAT 1.04");
            });
        }
    }

    void check(const Opaque&) {}

    void check(const Dsmas& dsmas) {
        flags(dsmas.flags, Dsmas::known_flags, 5);
        reserved_field(dsmas.reserved, 6);
        if (has_memory_[dsmas.handle]) {
            add(ProblemKind::duplicate_handle, Severity::error, 4, [&] {
                return named("handle " + hex_text(dsmas.handle) + " is that of another DSMAS");
            });
        }
        const bool first = !std::exchange(has_memory_[dsmas.handle], true);
        if (dsmas.dpa_length_bytes == 0) {
            add(ProblemKind::range_empty, Severity::warning, 16,
                [&] { return named("the range is empty"); });
            return;
        }
        const std::uint64_t last = dsmas.dpa_base_bytes + (dsmas.dpa_length_bytes - 1);
        if (last < dsmas.dpa_base_bytes) {
            add(ProblemKind::range_overflow, Severity::error, 8, [&] {
                return named("base " + hex_text(dsmas.dpa_base_bytes) + " and length " +
                             hex_text(dsmas.dpa_length_bytes) + " end beyond 64 bits");
            });
            return;
        }
        ranges_.push_back({dsmas.dpa_base_bytes, last, dsmas.handle, begin_});
        if (first) {
            size_of_memory_[dsmas.handle] = dsmas.dpa_length_bytes;
        }
    }

    void check(const Dslbis& dslbis) {
        refers_to_memory_or_initiator(dslbis.handle, 4);
        flags(dslbis.flags, Dslbis::known_flags, 5);
        if ((dslbis.flags & Dslbis::hierarchy_mask) > Dslbis::hierarchy_max) {
            unknown("memory hierarchy", dslbis.flags & Dslbis::hierarchy_mask, 5);
        }
        reserved_field(dslbis.reserved, 7);
        reserved_field(dslbis.reserved_end, 22);
        if (!check_data_type(dslbis.data_type, 6)) {
            return;
        }
        check_unit(dslbis.base_unit, dslbis.entries);
        figures_.push_back({begin_, dslbis.handle, dslbis.flags, dslbis.base_unit, dslbis.entries});
        const auto [other, is_new] =
            values_.try_emplace(key_of(dslbis), std::pair(dslbis.base_unit, dslbis.entries));
        if (!is_new) {
            const bool same = other->second == std::pair(dslbis.base_unit, dslbis.entries);
            add(ProblemKind::duplicate_value, same ? Severity::notice : Severity::warning, 6, [&] {
                return named("another DSLBIS has " +
                             std::string(same ? "the same" : "a different") + " " +
                             std::string(data_type_name(dslbis.data_type)) + " for handle " +
                             hex_text(dslbis.handle));
            });
        }
    }

    void check(const Dsmscis& dsmscis) {
        refers_to_memory(dsmscis.handle, 4);
        reserved_field(dsmscis.reserved, 5);
        if (dsmscis.total_levels() > 3) {
            unknown("number of cache levels", dsmscis.total_levels(), 16);
        }
        if (dsmscis.level() > dsmscis.total_levels() ||
            (dsmscis.level() == 0 && dsmscis.total_levels() > 0)) {
            add(ProblemKind::unknown_value, Severity::warning, 16, [&] {
                return named("cache level " + std::to_string(dsmscis.level()) + " of " +
                             std::to_string(dsmscis.total_levels()));
            });
        }
        const auto level_bit = static_cast<std::uint16_t>(1U << dsmscis.level());
        if ((std::exchange(cache_levels_[dsmscis.handle],
                           static_cast<std::uint16_t>(cache_levels_[dsmscis.handle] | level_bit)) &
             level_bit) != 0) {
            add(ProblemKind::duplicate_value, Severity::warning, 16, [&] {
                return named("another DSMSCIS has cache level " + std::to_string(dsmscis.level()) +
                             " of handle " + hex_text(dsmscis.handle));
            });
        }
        if (dsmscis.associativity() > 2) {
            unknown("cache associativity", dsmscis.associativity(), 17);
        }
        if (dsmscis.write_policy() > 2) {
            unknown("write policy", dsmscis.write_policy(), 17);
        }
    }

    void check(const Dsis& dsis) {
        flags(dsis.flags, Dsis::known_flags, 4);
        reserved_field(dsis.reserved, 6);
        if ((dsis.flags & Dsis::memory_attached) != 0) {
            refers_to_memory(dsis.handle, 5);
            if (std::exchange(has_attached_[dsis.handle], true)) {
                add(ProblemKind::duplicate_handle, Severity::warning, 5, [&] {
                    return named("another DSIS is attached to handle " + hex_text(dsis.handle));
                });
            }
        } else if (std::exchange(has_initiator_[dsis.handle], true)) {
            add(ProblemKind::duplicate_handle, Severity::error, 5, [&] {
                return named("handle " + hex_text(dsis.handle) + " is that of another DSIS");
            });
        } else {
            initiators_.emplace_back(dsis.handle, begin_ + 5);
        }
    }

    void check(const Dsemts& dsemts) {
        refers_to_memory(dsemts.handle, 4);
        if (dsemts.memory_type >= efi_memory_type_count) {
            unknown("EFI memory type", dsemts.memory_type, 5);
        }
        reserved_field(dsemts.reserved, 6);
        if (dsemts.dpa_length_bytes == 0) {
            add(ProblemKind::range_empty, Severity::warning, 16,
                [&] { return named("the part is empty"); });
            return;
        }
        parts_.push_back({dsemts.handle, begin_, dsemts.dpa_offset_bytes, dsemts.dpa_length_bytes});
    }

    void check(const Sslbis& sslbis) {
        reserved_field(sslbis.reserved, 5);
        const bool known = check_data_type(sslbis.data_type, 4);
        if (sslbis.entries.empty()) {
            add(ProblemKind::no_entries, Severity::warning, 2,
                [&] { return named("it has no entries"); });
        }
        if (sslbis.base_unit == 0 &&
            std::ranges::any_of(sslbis.entries, tells, &SwitchEntry::value)) {
            unit_of_zero();
        }
        for (std::size_t i = 0; i < sslbis.entries.size(); ++i) {
            const SwitchEntry& entry = sslbis.entries[i];
            const auto at = static_cast<std::uint32_t>(16 + 8 * i);
            reserved_field(entry.reserved, at + 6);
            if (known) {
                check_product(sslbis.base_unit, entry.value, at + 4);
                ways_.push_back({std::uint64_t{sslbis.data_type} << 32 |
                                     std::uint64_t{entry.port_x} << 16 | entry.port_y,
                                 sslbis.base_unit, begin_ + at, entry.value});
            }
        }
    }

    static bool tells(std::uint16_t entry) noexcept {
        return entry != entry_not_provided && entry != entry_unreachable;
    }

    void check_unit(std::uint64_t base_unit, std::span<const std::uint16_t> entries) {
        if (base_unit == 0 && std::ranges::any_of(entries, tells)) {
            unit_of_zero();
        }
    }

    static std::uint32_t key_of(const Dslbis& dslbis) noexcept {
        return dslbis.handle | std::uint32_t{dslbis.flags} << 8 |
               std::uint32_t{dslbis.data_type} << 16;
    }

    bool check_data_type(std::uint8_t data_type, std::uint32_t at) {
        if (data_type < data_type_count) {
            return true;
        }
        unknown("data type", data_type, at);
        return false;
    }

    void check_product(std::uint64_t base_unit, std::uint16_t entry, std::uint32_t at) {
        if (Value::of(base_unit, entry).kind == Value::Kind::overflow) {
            add(ProblemKind::entry_overflow, Severity::error, at, [&] {
                return named("Entry Base Unit " + std::to_string(base_unit) + " times entry " +
                             std::to_string(entry) + " exceeds 64 bits");
            });
        }
    }

    void flags(std::uint8_t flags, std::uint8_t known, std::uint32_t at) {
        const auto others = static_cast<std::uint8_t>(flags & ~known);
        if (others != 0) {
            add(ProblemKind::reserved_bits, Severity::notice, at,
                [&] { return named("reserved flags are set: " + hex_text(others)); });
        }
    }

    template <typename T>
    void reserved_field(const T& field, std::uint32_t at) {
        if (any_set(field)) {
            reserved("a reserved field", at);
        }
    }

    void reserved(const std::string& what, std::uint32_t at) {
        add(ProblemKind::reserved_bits, Severity::notice, at,
            [&] { return named(what + (what.ends_with('s') ? " are" : " is") + " not 0"); });
    }

    void unknown(std::string_view what, unsigned value, std::uint32_t at) {
        add(ProblemKind::unknown_value, Severity::warning, at, [&] {
            return named(std::string(what) + " " + std::to_string(value) + " is not known");
        });
    }

    void unit_of_zero() {
        add(ProblemKind::unknown_value, Severity::warning, 8,
            [&] { return named("Entry Base Unit 0 makes nothing of its entries"); });
    }

    // --- Between structures -------------------------------------------------------------------------

    /// Of one DSLBIS.
    struct Figures {
        std::uint32_t begin;
        std::uint8_t handle;
        std::uint8_t flags;
        std::uint64_t base_unit;
        std::array<std::uint16_t, 3> entries;
    };

    /// One entry of an SSLBIS.
    struct Way {
        std::uint64_t key;  ///< data type and ports
        std::uint64_t base_unit;
        std::uint32_t at;
        std::uint16_t value;
    };

    struct Reference {
        std::uint8_t handle;
        std::uint32_t at;  ///< in the table
        std::string_view name{};
        bool initiators_too = false;
    };

    struct Part {
        std::uint8_t handle;
        std::uint32_t at;
        std::uint64_t offset;
        std::uint64_t length;
    };

    void refers_to_memory(std::uint8_t handle, std::uint32_t at) {
        references_.push_back({handle, begin_ + at, name_, false});
    }
    void refers_to_memory_or_initiator(std::uint8_t handle, std::uint32_t at) {
        references_.push_back({handle, begin_ + at, name_, true});
    }

    void check_references() {
        begin_ = 0;
        for (const Reference& reference : references_) {
            const bool found = has_memory_[reference.handle] ||
                               (reference.initiators_too && has_initiator_[reference.handle]);
            if (!found) {
                name_ = reference.name;
                add(ProblemKind::dangling_handle, Severity::warning, reference.at, [&] {
                    return named("handle " + hex_text(reference.handle) + " is that of no DSMAS" +
                                 (reference.initiators_too ? " or DSIS" : ""));
                });
            }
        }
        name_ = structure_name(static_cast<std::uint8_t>(StructureType::dsis));
        for (const auto& [handle, at] : initiators_) {
            if (has_memory_[handle]) {
                add(ProblemKind::duplicate_handle, Severity::warning, at, [&, shared = handle] {
                    return named("handle " + hex_text(shared) +
                                 " of an initiator without memory is that of a DSMAS");
                });
            }
        }
        name_ = structure_name(static_cast<std::uint8_t>(StructureType::dsemts));
        for (const Part& part : parts_) {
            const std::uint64_t size = size_of_memory_[part.handle];
            if (size != 0 && (part.offset > size || part.length > size - part.offset)) {
                add(ProblemKind::range_outside, Severity::warning, part.at + 8, [&] {
                    return named("offset " + hex_text(part.offset) + " and length " +
                                 hex_text(part.length) + " leave the " + hex_text(size) +
                                 " bytes of handle " + hex_text(part.handle));
                });
            }
        }
    }

    /// What an entry or a flag of a DSLBIS means depends on whose handle it has.
    void check_figures() {
        name_ = structure_name(static_cast<std::uint8_t>(StructureType::dslbis));
        for (const Figures& figures : figures_) {
            begin_ = figures.begin;
            const bool memory = has_memory_[figures.handle];
            if (!memory && has_initiator_[figures.handle] && figures.flags != 0) {
                reserved("the flags of an initiator's figures", 5);
            }
            for (std::size_t i = 0; i < figures.entries.size(); ++i) {
                const auto at = static_cast<std::uint32_t>(16 + 2 * i);
                if (i == 0 || !memory) {
                    check_product(figures.base_unit, figures.entries[i], at);
                } else {
                    reserved_field(figures.entries[i], at);
                }
            }
        }
        begin_ = 0;
    }

    void check_ways() {
        name_ = structure_name(static_cast<std::uint8_t>(StructureType::sslbis));
        std::ranges::sort(ways_, {}, [](const Way& way) { return std::pair(way.key, way.at); });
        for (std::size_t i = 1; i < ways_.size(); ++i) {
            const Way& way = ways_[i];
            const Way& other = ways_[i - 1];
            if (way.key != other.key) {
                continue;
            }
            const bool same = way.base_unit == other.base_unit && way.value == other.value;
            add(ProblemKind::duplicate_value, same ? Severity::notice : Severity::warning, way.at,
                [&] {
                    return named(
                        "another entry has " + std::string(same ? "the same" : "a different") +
                        " " +
                        std::string(data_type_name(static_cast<std::uint8_t>(way.key >> 32))) +
                        " for ports " + hex_text(way.key >> 16 & 0xFFFF) + " and " +
                        hex_text(way.key & 0xFFFF));
                });
        }
    }

    void check_parts() {
        name_ = structure_name(static_cast<std::uint8_t>(StructureType::dsemts));
        std::ranges::sort(parts_, {}, [](const Part& part) {
            return std::tuple(part.handle, part.offset, part.at);
        });
        for (std::size_t i = 1; i < parts_.size(); ++i) {
            const Part& part = parts_[i];
            const Part& before = parts_[i - 1];
            if (part.handle == before.handle && part.offset - before.offset < before.length) {
                add(ProblemKind::overlapping_ranges, Severity::warning, part.at + 8, [&] {
                    return named("the part from " + hex_text(part.offset) + " overlaps that from " +
                                 hex_text(before.offset) + " of handle " + hex_text(part.handle));
                });
            }
        }
    }

    void check_overlaps() {
        name_ = structure_name(static_cast<std::uint8_t>(StructureType::dsmas));
        std::ranges::sort(ranges_, {},
                          [](const Range& range) { return std::pair(range.base, range.offset); });
        const Range* furthest = nullptr;
        for (const Range& range : ranges_) {
            if (furthest != nullptr && range.base <= furthest->last) {
                add(ProblemKind::overlapping_ranges, Severity::error, range.offset + 8, [&] {
                    return named("the range of handle " + hex_text(range.handle) + " from " +
                                 hex_text(range.base) + " overlaps that of handle " +
                                 hex_text(furthest->handle) + ", which ends at " +
                                 hex_text(furthest->last));
                });
            }
            if (furthest == nullptr || range.last > furthest->last) {
                furthest = &range;
            }
        }
    }

    // --- Problems -----------------------------------------------------------------------------------

    [[nodiscard]] std::string named(const std::string& what) const {
        return name_.empty() ? what : std::string(name_) + ": " + what;
    }

    /// `at`: from the start of the structure.
    template <typename Text>
    void add(ProblemKind kind, Severity severity, std::uint32_t at, Text text) {
        problems_.add(kind, severity, begin_ + at, text);
    }

    const Table& table_;
    ProblemList& problems_;
    std::uint32_t begin_ = 0;  ///< of the structure that is looked at
    std::uint32_t length_ = 0;
    std::string_view name_;
    std::array<bool, handle_count> has_memory_{};
    std::array<bool, handle_count> has_initiator_{};
    std::array<bool, handle_count> has_attached_{};
    std::array<std::uint16_t, handle_count> cache_levels_{};    ///< a bit each
    std::array<std::uint64_t, handle_count> size_of_memory_{};  ///< 0: none
    std::vector<Range> ranges_;
    std::vector<Reference> references_;
    std::vector<std::pair<std::uint8_t, std::uint32_t>> initiators_;
    std::vector<Part> parts_;
    std::vector<Figures> figures_;
    std::vector<Way> ways_;
    /// By key_of(). A long table has tens of thousands.
    std::unordered_map<std::uint32_t, std::pair<std::uint64_t, std::array<std::uint16_t, 3>>>
        values_;
};

}  // namespace

void check_contents(const Table& table, ProblemList& problems) {
    Checker(table, problems).run();
}

}  // namespace doed::cdat
