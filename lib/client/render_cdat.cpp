// SPDX-License-Identifier: Apache-2.0
#include "client/render_cdat.hpp"

#include "cdat/fields.hpp"
#include "client/text.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

namespace doed::client {

namespace {

using cdat::Field;

constexpr std::size_t dump_bytes_per_line = 8;

/// "CDAT of 0000:0d:00.0/190, from the mailbox: 160 bytes, revision 2, sequence 0, checksum right"
std::string header_line(const CdatReading& reading) {
    std::string from = reading.name;
    if (!reading.source.empty() && !reading.from_file()) {
        from += ", from the " + reading.source;
    }
    const auto& table = reading.table;
    const auto size_bytes = table.bytes().size();
    if (size_bytes < cdat::table_header_size_bytes) {
        return printable(fmt::format("CDAT of {}: {}, too few for a header", from,
                                     counted(size_bytes, "byte", "bytes")));
    }
    const auto& header = table.header();
    auto length = counted(header.length_bytes, "byte", "bytes");
    if (header.length_bytes != size_bytes) {
        length += fmt::format(" by its header and {} here", size_bytes);
    }
    return printable(fmt::format("CDAT of {}: {}, revision {}, sequence {}, checksum {}", from,
                                 length, header.revision, header.sequence,
                                 table.checksum_valid() ? "right" : "WRONG"));
}

/// '!', '?' or ' ', for places in the table.
class Marks {
public:
    explicit Marks(const cdat::Table& table) : problems_(table.all_problems()) {}

    /// Of a field, by what is wrong with its bytes.
    [[nodiscard]] char of(std::uint32_t offset_bytes, std::uint32_t size_bytes) const {
        char mark = ' ';
        for (const auto& problem : problems_) {
            if (problem.offset_bytes >= offset_bytes &&
                problem.offset_bytes - offset_bytes < size_bytes) {
                if (problem.severity != cdat::Severity::notice) {
                    return '!';
                }
                mark = '?';
            }
        }
        return mark;
    }
    [[nodiscard]] char of(const Field& field) const {
        return of(field.offset_bytes, field.size_bytes);
    }

private:
    std::vector<cdat::Problem> problems_;
};

bool is_zero(const cdat::Table& table, const Field& field) {
    const auto bytes = std::span(table.bytes()).subspan(field.offset_bytes, field.size_bytes);
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

/// What a report leaves out: what its structure's line says, and what says nothing.
bool is_left_out(const cdat::Table& table, const Field& field, char mark) {
    return mark == ' ' && (field.kind == Field::Kind::frame ||
                           (field.kind == Field::Kind::reserved && is_zero(table, field)));
}

void add_fields(std::string& out, const cdat::Table& table, const std::vector<Field>& fields,
                const Marks& marks) {
    std::size_t widest = 0;
    for (const auto& field : fields) {
        if (!is_left_out(table, field, marks.of(field))) {
            widest = std::max(widest, field.name.size());
        }
    }
    for (const auto& field : fields) {
        const char mark = marks.of(field);
        if (!is_left_out(table, field, mark)) {
            fmt::format_to(std::back_inserter(out), "{}   {:<{}}  {}\n", mark, field.name, widest,
                           field.value);
        }
    }
}

void add_problems(std::string& out, const CdatReading& reading, bool legend) {
    if (!reading.problems.empty()) {
        fmt::format_to(std::back_inserter(out), "\n{}:\n", reading.counted_problems());
        for (const auto& problem : reading.problems) {
            fmt::format_to(std::back_inserter(out), "{}   {}\n",
                           problem.starts_with("notice ") ? '?' : '!', printable(problem));
        }
    } else if (legend) {
        out += "\nNo problems.\n";
    }
}

// --- The dump ------------------------------------------------------------------------------------

void add_dump_line(std::string& out, char mark, std::size_t offset,
                   std::span<const std::uint8_t> bytes, std::string_view name,
                   std::string_view value) {
    auto line =
        fmt::format("{}{:#07x}  {:<23}  {:<29}  {}", mark, offset, hex_bytes(bytes), name, value);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
}

void add_dump(std::string& out, const cdat::Table& table, const std::vector<Field>& fields,
              const Marks& marks) {
    for (const auto& field : fields) {
        const auto bytes = std::span(table.bytes()).subspan(field.offset_bytes, field.size_bytes);
        const bool long_zeros = bytes.size() > 2 * dump_bytes_per_line && is_zero(table, field);
        const auto shown = long_zeros ? bytes.first(dump_bytes_per_line) : bytes;
        for (std::size_t at = 0; at < shown.size(); at += dump_bytes_per_line) {
            const auto part = shown.subspan(at, std::min(dump_bytes_per_line, shown.size() - at));
            const bool first = at == 0;
            add_dump_line(out, first ? marks.of(field) : ' ', field.offset_bytes + at, part,
                          first ? std::string_view(field.name) : std::string_view{},
                          first ? std::string_view(field.value) : std::string_view{});
        }
    }
}

}  // namespace

std::string render_cdat(const CdatReading& reading, bool legend) {
    const auto& table = reading.table;
    const Marks marks(table);
    std::string out = header_line(reading) + "\n";
    add_problems(out, reading, legend);
    for (const auto& raw : table.structures()) {
        fmt::format_to(std::back_inserter(out), "\n{}{:#06x}  {}, {}\n",
                       marks.of(raw.offset_bytes, cdat::structure_header_size_bytes),
                       raw.offset_bytes, cdat::structure_title(raw.type),
                       counted(raw.length_bytes, "byte", "bytes"));
        auto fields = cdat::structure_fields(table, raw, cdat::EntryFields::whole);
        // The line above has marks and contents of Type and Length.
        std::erase_if(fields, [](const Field& field) { return field.kind == Field::Kind::frame; });
        add_fields(out, table, fields, marks);
    }
    const auto rest = table.bytes().size() < cdat::table_header_size_bytes
                          ? cdat::header_fields(table)
                          : cdat::rest_fields(table);
    for (const auto& field : rest) {
        fmt::format_to(std::back_inserter(out), "\n{}{:#06x}  {}\n    {}\n", marks.of(field),
                       field.offset_bytes, field.name, field.value);
    }
    if (legend) {
        fmt::format_to(std::back_inserter(out), "\n{}.\n",
                       counted(table.structures().size(), "structure", "structures"));
    }
    return out;
}

std::string render_cdat_hex(const CdatReading& reading, bool legend) {
    const auto& table = reading.table;
    const Marks marks(table);
    std::string out;
    if (legend) {
        out += header_line(reading) + "\n";
        fmt::format_to(std::back_inserter(out), "\n {:<7}  {:<23}  {:<29}  VALUE\n", "OFFSET",
                       "BYTES", "FIELD");
    }
    add_dump(out, table, cdat::header_fields(table), marks);
    for (const auto& raw : table.structures()) {
        if (legend) {
            out += '\n';
        }
        add_dump(out, table, cdat::structure_fields(table, raw, cdat::EntryFields::parts), marks);
    }
    if (const auto rest = cdat::rest_fields(table); !rest.empty()) {
        if (legend) {
            out += '\n';
        }
        add_dump(out, table, rest, marks);
    }
    return out;
}

std::string render_cdat_problems(std::span<const CdatReading> readings, bool legend,
                                 const Palette& palette) {
    std::string out;
    for (const auto& reading : readings) {
        const auto name = printable(reading.name);
        for (const auto& problem : reading.problems) {
            fmt::format_to(
                std::back_inserter(out), "{}: {}\n", name,
                palette.paint(problem.starts_with("notice ") ? Tone::doubtful : Tone::bad,
                              printable(problem)));
        }
        if (legend && reading.problems.empty()) {
            fmt::format_to(std::back_inserter(out), "{}: no problems\n", name);
        }
    }
    return out;
}

}  // namespace doed::client
