// SPDX-License-Identifier: Apache-2.0
#include "cdat/table.hpp"

#include "base/byte_cursor.hpp"
#include "cdat/check.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace doed::cdat {

namespace {

constexpr std::uint32_t length_offset_bytes = 0;
constexpr std::uint32_t checksum_offset_bytes = 5;

struct KnownStructure {
    std::string_view name;
    std::uint32_t fixed_part_bytes;  ///< header included
};

// Indexed by StructureType.
constexpr KnownStructure known_structures[] = {
    {"DSMAS", 24}, {"DSLBIS", 24}, {"DSMSCIS", 20}, {"DSIS", 8}, {"DSEMTS", 24}, {"SSLBIS", 16},
};

const KnownStructure* find_known(std::uint8_t type) noexcept {
    return type < std::size(known_structures) ? &known_structures[type] : nullptr;
}

bool all_zero(std::span<const std::uint8_t> bytes) noexcept {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

std::string count_bytes(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

TableHeader read_header(std::span<const std::uint8_t> bytes) {
    // A short table is read as if zeros followed.
    std::array<std::uint8_t, table_header_size_bytes> whole{};
    std::ranges::copy(bytes.first(std::min(bytes.size(), whole.size())), whole.begin());
    base::ByteReader reader(whole);
    TableHeader header;
    header.length_bytes = reader.read<std::uint32_t>();
    header.revision = reader.read<std::uint8_t>();
    header.checksum = reader.read<std::uint8_t>();
    std::ranges::copy(reader.take(header.reserved.size()), header.reserved.begin());
    header.sequence = reader.read<std::uint32_t>();
    return header;
}

}  // namespace

std::string_view structure_name(std::uint8_t type) noexcept {
    const KnownStructure* known = find_known(type);
    return known != nullptr ? known->name : std::string_view{};
}

std::string_view to_string(Severity severity) noexcept {
    switch (severity) {
        case Severity::notice: return "notice";
        case Severity::warning: return "warning";
        case Severity::error: return "error";
    }
    return "unknown";
}

std::string_view to_string(ProblemKind kind) noexcept {
    switch (kind) {
        case ProblemKind::header_truncated: return "header-truncated";
        case ProblemKind::header_length: return "header-length";
        case ProblemKind::length_mismatch: return "length-mismatch";
        case ProblemKind::checksum: return "checksum";
        case ProblemKind::structure_length: return "structure-length";
        case ProblemKind::structure_truncated: return "structure-truncated";
        case ProblemKind::structure_short: return "structure-short";
        case ProblemKind::structure_long: return "structure-long";
        case ProblemKind::structure_odd_length: return "structure-odd-length";
        case ProblemKind::unknown_structure: return "unknown-structure";
        case ProblemKind::no_entries: return "no-entries";
        case ProblemKind::reserved_bits: return "reserved-bits";
        case ProblemKind::unknown_value: return "unknown-value";
        case ProblemKind::duplicate_handle: return "duplicate-handle";
        case ProblemKind::dangling_handle: return "dangling-handle";
        case ProblemKind::duplicate_value: return "duplicate-value";
        case ProblemKind::range_empty: return "range-empty";
        case ProblemKind::range_overflow: return "range-overflow";
        case ProblemKind::range_outside: return "range-outside";
        case ProblemKind::overlapping_ranges: return "overlapping-ranges";
        case ProblemKind::entry_overflow: return "entry-overflow";
        case ProblemKind::trailing_padding: return "trailing-padding";
        case ProblemKind::trailing_data: return "trailing-data";
        case ProblemKind::entry_oversize: return "entry-oversize";
        case ProblemKind::changed_while_reading: return "changed-while-reading";
        case ProblemKind::attempt_broken: return "attempt-broken";
        case ProblemKind::more_problems: return "more-problems";
    }
    return "unknown";
}

std::string to_string(const Problem& problem) {
    return std::string(to_string(problem.severity)) + " at byte " +
           std::to_string(problem.offset_bytes) + ": " + problem.text;
}

bool ProblemList::lists(Severity severity) const noexcept {
    std::size_t as_severe = 0;
    for (auto i = static_cast<std::size_t>(severity); i < listed_.size(); ++i) {
        as_severe += listed_[i];
    }
    return as_severe < limit;
}

void ProblemList::add(Problem problem) {
    if (!lists(problem.severity)) {
        leave_out(problem);
        return;
    }
    const auto end =
        entries_.begin() + static_cast<std::ptrdiff_t>(std::min(entries_.size(), limit));
    if (end - entries_.begin() == limit) {
        const auto mildest = std::min_element(
            std::reverse_iterator(end), entries_.rend(),
            [](const Problem& one, const Problem& other) { return one.severity < other.severity; });
        const Problem displaced = std::move(*mildest);
        --listed_[static_cast<std::size_t>(displaced.severity)];
        ++listed_[static_cast<std::size_t>(problem.severity)];
        entries_.erase(mildest.base() - 1);
        entries_.insert(entries_.begin() + limit - 1, std::move(problem));
        leave_out(displaced);
        return;
    }
    ++listed_[static_cast<std::size_t>(problem.severity)];
    entries_.push_back(std::move(problem));
}

void ProblemList::leave_out(const Problem& problem) {
    if (entries_.size() == limit) {
        entries_.push_back({ProblemKind::more_problems, problem.severity, problem.offset_bytes,
                            "this and other problems are not listed"});
    } else if (Problem& rest = entries_.back(); problem.severity > rest.severity) {
        rest.severity = problem.severity;
        rest.offset_bytes = problem.offset_bytes;
    }
}

void ProblemList::append(const ProblemList& other) {
    for (const Problem& problem : other.entries_) {
        add(problem);
    }
}

Table Table::parse(std::vector<std::uint8_t> bytes, const ProblemList& reading) {
    Table table;
    table.bytes_ = std::move(bytes);
    table.header_ = read_header(table.bytes_);
    if (table.bytes_.size() < table_header_size_bytes) {
        table.problems_.add({ProblemKind::header_truncated, Severity::error, 0,
                             "the table has " + count_bytes(table.bytes_.size()) +
                                 ", its header alone has " +
                                 std::to_string(table_header_size_bytes)});
        table.problems_.append(reading);
        return table;
    }
    table.check_as_a_whole();
    table.problems_.append(reading);
    table.walk();
    check_contents(table, table.content_problems_);
    return table;
}

std::vector<Problem> Table::all_problems() const {
    std::vector<Problem> all = problems();
    all.insert(all.end(), content_problems().begin(), content_problems().end());
    return all;
}

std::span<const std::uint8_t> Table::bytes_of(const RawStructure& structure) const noexcept {
    const std::span<const std::uint8_t> all(bytes_);
    if (structure.offset_bytes > all.size() ||
        structure.length_bytes > all.size() - structure.offset_bytes) {
        return {};
    }
    return all.subspan(structure.offset_bytes, structure.length_bytes);
}

// Where the table ends in its bytes. A Length that has no room for the header says nothing about
// that.
std::size_t Table::end() const noexcept {
    const std::size_t length = header_.length_bytes;
    return length < table_header_size_bytes ? bytes_.size() : std::min(length, bytes_.size());
}

void Table::check_as_a_whole() {
    const std::span<const std::uint8_t> all(bytes_);
    const std::string says = "the header says the table has " + count_bytes(header_.length_bytes);
    const unsigned sum =
        std::accumulate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(end()), 0U) & 0xFFU;
    checksum_valid_ = sum == 0;
    if (header_.length_bytes < table_header_size_bytes ||
        header_.length_bytes > max_table_size_bytes) {
        problems_.add({ProblemKind::header_length, Severity::error, length_offset_bytes,
                       says + ", not " + std::to_string(table_header_size_bytes) + " to " +
                           std::to_string(max_table_size_bytes)});
    }
    if (header_.length_bytes > all.size()) {
        // Bytes that add up without the missing ones: a card that counts its zero padding but does
        // not hand it out.
        problems_.add({ProblemKind::length_mismatch,
                       checksum_valid_ ? Severity::warning : Severity::error, length_offset_bytes,
                       says + ", there are " + std::to_string(all.size())});
    }
    if (!checksum_valid_) {
        problems_.add({ProblemKind::checksum, Severity::error, checksum_offset_bytes,
                       "the bytes add up to " + std::to_string(sum) + " modulo 256, not to 0"});
    }
    if (end() < all.size()) {
        const bool padding = all_zero(all.subspan(end()));
        problems_.add({padding ? ProblemKind::trailing_padding : ProblemKind::trailing_data,
                       padding ? Severity::notice : Severity::warning,
                       static_cast<std::uint32_t>(end()),
                       count_bytes(all.size() - end()) + (padding ? " of zero padding" : "") +
                           " after the end of the table"});
    }
}

void Table::walk() {
    base::ByteReader reader(
        std::span<const std::uint8_t>(bytes_).first(std::min(end(), max_table_size_bytes)));
    reader.skip(table_header_size_bytes);
    while (reader.remaining() > 0) {
        const auto offset = static_cast<std::uint32_t>(reader.offset());
        const std::size_t left = reader.remaining();
        const auto type = reader.read<std::uint8_t>();
        reader.skip(1);
        const auto length = reader.read<std::uint16_t>();
        if (!reader.ok() || length < structure_header_size_bytes || length > left) {
            check_rest(offset, left);
            return;
        }
        reader.skip(length - structure_header_size_bytes);
        structures_.push_back({type, offset, length});
        const KnownStructure* known = find_known(type);
        if (known != nullptr && length < known->fixed_part_bytes) {
            problems_.add(ProblemKind::structure_short, Severity::warning, offset, [&] {
                return std::string(known->name) + " of " + count_bytes(length) +
                       ", its fixed part alone has " + std::to_string(known->fixed_part_bytes);
            });
        }
    }
}

// The last `count` bytes of the table, from `at`, are no structure.
void Table::check_rest(std::uint32_t at, std::size_t count) {
    const auto rest = std::span<const std::uint8_t>(bytes_).subspan(at, count);
    if (all_zero(rest)) {
        problems_.add({ProblemKind::trailing_padding, Severity::notice, at,
                       count_bytes(rest.size()) + " of zero padding after the last structure"});
        return;
    }
    if (rest.size() < structure_header_size_bytes) {
        problems_.add(
            {ProblemKind::trailing_data, Severity::warning, at,
             count_bytes(rest.size()) + " after the last structure, too few for another one"});
        return;
    }
    const unsigned length = rest[2] | static_cast<unsigned>(rest[3]) << 8;
    const std::string what =
        "structure of type " + std::to_string(rest[0]) + " says it has " + count_bytes(length);
    if (length < structure_header_size_bytes) {
        problems_.add({ProblemKind::structure_length, Severity::error, at,
                       what + ", less than its own header; the " + count_bytes(rest.size()) +
                           " from here on are not understood"});
    } else {
        problems_.add(
            {ProblemKind::structure_truncated, Severity::error, at,
             what + ", the table ends after " + std::to_string(rest.size()) + " of them"});
    }
}

}  // namespace doed::cdat
