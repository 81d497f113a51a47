// SPDX-License-Identifier: Apache-2.0
//
// A Coherent Device Attribute Table (CDAT 1.04) as bytes: its header, where its structures lie, and
// everything that is wrong with it. A table that is wrong is still a table: its bytes are kept as
// they came, its problems are listed. Needs nothing but lib/base, so that a table file is read
// without a device.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace doed::cdat {

inline constexpr std::size_t table_header_size_bytes = 16;
inline constexpr std::size_t structure_header_size_bytes = 4;
/// Longest table that is read. Our limit: the header's Length field has 32 bits.
inline constexpr std::size_t max_table_size_bytes = 1U << 20;

/// Structure types (CDAT 1.04 section 3). Others are reserved and are walked by their Length.
enum class StructureType : std::uint8_t {
    dsmas = 0,    ///< Device Scoped Memory Affinity
    dslbis = 1,   ///< Device Scoped Latency and Bandwidth Information
    dsmscis = 2,  ///< Device Scoped Memory Side Cache Information
    dsis = 3,     ///< Device Scoped Initiator
    dsemts = 4,   ///< Device Scoped EFI Memory Type
    sslbis = 5,   ///< Switch Scoped Latency and Bandwidth Information
};

/// "DSMAS", "DSLBIS", ...; empty for a reserved type.
[[nodiscard]] std::string_view structure_name(std::uint8_t type) noexcept;

/// The fields of the 16 bytes every table starts with, as they are; zero where the bytes end
/// earlier.
struct TableHeader {
    std::uint32_t length_bytes = 0;  ///< of the whole table, by its own word
    std::uint8_t revision = 0;       ///< 1 and 2 are seen; no value is refused
    std::uint8_t checksum = 0;
    std::array<std::uint8_t, 6> reserved{};
    std::uint32_t sequence = 0;  ///< the device changes it with the table

    friend bool operator==(const TableHeader&, const TableHeader&) = default;
};

/// Where one structure lies in the table; wholly inside it.
struct RawStructure {
    std::uint8_t type = 0;
    std::uint32_t offset_bytes = 0;  ///< from the start of the table
    std::uint32_t length_bytes = 0;  ///< header included, at least 4

    friend bool operator==(const RawStructure&, const RawStructure&) = default;
};

enum class Severity : std::uint8_t {
    notice,   ///< unusual, harmless
    warning,  ///< something is wrong, what was read can be used
    error,    ///< the table is not what the device meant to say
};

enum class ProblemKind : std::uint8_t {
    header_truncated,       ///< fewer bytes than a header has
    header_length,          ///< Length is below 16 or above 1 MiB
    length_mismatch,        ///< Length says more bytes than there are
    checksum,               ///< the bytes do not add up to 0
    structure_length,       ///< a structure says it is shorter than its header
    structure_truncated,    ///< a structure reaches beyond the table
    structure_short,        ///< a structure is shorter than its type's fixed part
    structure_long,         ///< a structure is longer than its type's fields
    structure_odd_length,   ///< a structure ends within an entry
    unknown_structure,      ///< a structure of a reserved type
    no_entries,             ///< a structure of entries has none
    reserved_bits,          ///< a reserved field or flag is not 0
    unknown_value,          ///< a field has a value that means nothing
    duplicate_handle,       ///< two structures have a handle that is to be one's own
    dangling_handle,        ///< a structure refers to a handle that nobody has
    duplicate_value,        ///< two structures or entries tell the same latency, bandwidth or cache
    range_empty,            ///< a range or part of no bytes
    range_overflow,         ///< a range ends beyond 64 bits
    range_outside,          ///< a part leaves the range that it is a part of
    overlapping_ranges,     ///< two ranges, or two parts of one, have an address in common
    entry_overflow,         ///< Entry Base Unit x entry exceeds 64 bits
    trailing_padding,       ///< zeros after the last structure, as some cards have
    trailing_data,          ///< something else after the last structure, or bytes after Length
    entry_oversize,         ///< the device sent more bytes of an entry than the entry has
    changed_while_reading,  ///< attempts to read the table gave different bytes
    attempt_broken,         ///< another attempt to read the table came to no end
    more_problems,          ///< others are not listed
};

struct Problem {
    ProblemKind kind{};
    Severity severity{};
    std::uint32_t offset_bytes = 0;  ///< from the start of the table
    std::string text;                ///< for people, without offset and severity

    friend bool operator==(const Problem&, const Problem&) = default;
};

/// "notice", "warning", "error".
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;
/// The enumerator's name with hyphens ("trailing-padding"), for machines.
[[nodiscard]] std::string_view to_string(ProblemKind kind) noexcept;
/// "error at byte 5: ...": one line for people.
[[nodiscard]] std::string to_string(const Problem& problem);

/// A table can have more problems than anybody reads: of more than `limit` the gravest are kept, of
/// those the first ones, and one that stands for the rest comes last, where and as severe as the
/// first of the worst that are left out.
class ProblemList {
public:
    static constexpr std::size_t limit = 64;

    void add(Problem problem);
    /// `text` is called when the problem is listed.
    template <std::invocable Text>
    void add(ProblemKind kind, Severity severity, std::uint32_t offset_bytes, Text text) {
        add({kind, severity, offset_bytes, lists(severity) ? text() : std::string()});
    }
    void append(const ProblemList& other);
    [[nodiscard]] const std::vector<Problem>& entries() const noexcept { return entries_; }

private:
    /// Whether a problem that severe would be listed.
    [[nodiscard]] bool lists(Severity severity) const noexcept;
    void leave_out(const Problem& problem);

    std::vector<Problem> entries_;
    std::array<std::size_t, 3> listed_{};  ///< by severity
};

class Table {
public:
    /// No bytes at all, no problems.
    Table() = default;

    /// Takes any bytes; whatever is wrong with them or with what they say becomes a problem.
    /// `reading` is what was already noticed when they were read. Structures are listed up to the
    /// first one whose length cannot be followed, and within the first 1 MiB.
    [[nodiscard]] static Table parse(std::vector<std::uint8_t> bytes,
                                     const ProblemList& reading = {});

    /// Everything parse() was given, unchanged.
    [[nodiscard]] const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }
    [[nodiscard]] const TableHeader& header() const noexcept { return header_; }
    [[nodiscard]] const std::vector<RawStructure>& structures() const noexcept {
        return structures_;
    }
    /// The bytes of one of structures().
    [[nodiscard]] std::span<const std::uint8_t> bytes_of(
        const RawStructure& structure) const noexcept;
    /// Of its reading and of how it is put together, in the order they were found, those of the
    /// table as a whole first; at most ProblemList::limit + 1.
    [[nodiscard]] const std::vector<Problem>& problems() const noexcept {
        return problems_.entries();
    }
    /// Of what its fields say (check.hpp); at most ProblemList::limit + 1. Reading it again would
    /// not mend them.
    [[nodiscard]] const std::vector<Problem>& content_problems() const noexcept {
        return content_problems_.entries();
    }
    /// problems(), then content_problems().
    [[nodiscard]] std::vector<Problem> all_problems() const;
    /// The header is whole and the bytes of the table, as far as they are there, add up to 0
    /// (CDAT 1.04 section 2).
    [[nodiscard]] bool checksum_valid() const noexcept { return checksum_valid_; }

private:
    [[nodiscard]] std::size_t end() const noexcept;
    void check_as_a_whole();
    void walk();
    void check_rest(std::uint32_t at, std::size_t count);

    std::vector<std::uint8_t> bytes_;
    TableHeader header_;
    std::vector<RawStructure> structures_;
    ProblemList problems_;
    ProblemList content_problems_;
    bool checksum_valid_ = false;
};

}  // namespace doed::cdat
