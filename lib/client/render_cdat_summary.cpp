// SPDX-License-Identifier: Apache-2.0
#include "client/render_cdat_summary.hpp"

#include "cdat/fields.hpp"
#include "cdat/names.hpp"
#include "cdat/summary.hpp"
#include "client/render_host_view.hpp"
#include "client/text.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace doed::client {

namespace {

using cdat::Figure;
using cdat::MemoryRange;
using cdat::Performance;
using cdat::PortPair;
using cdat::Summary;

/// More columns than fit a screen; then the ways are listed instead.
constexpr std::size_t most_columns = 16;
constexpr std::string_view absent = "-";

std::string figure_text(const std::optional<Figure>& figure) {
    return figure ? cdat::value_text(figure->value, cdat::is_latency(figure->from))
                  : std::string(absent);
}

/// The same without a unit, which the title has.
std::string bare_text(const std::optional<Figure>& figure) {
    if (!figure || figure->value.kind != cdat::Value::Kind::given) {
        return figure_text(figure);
    }
    return cdat::is_latency(figure->from) ? cdat::nanoseconds_text(figure->value.amount)
                                          : std::to_string(figure->value.amount);
}

/// "150 ns (told as access latency)"
std::string sourced_text(const std::optional<Figure>& figure) {
    if (!figure) {
        return "not told";
    }
    return fmt::format("{} (told as {})", figure_text(figure),
                       cdat::data_type_name(static_cast<std::uint8_t>(figure->from)));
}

std::string flags_text(const cdat::Dsmas& dsmas) {
    std::string text = (dsmas.flags & cdat::Dsmas::non_volatile) != 0 ? "non-volatile" : "volatile";
    for (const auto name : cdat::names_of(dsmas.flags, cdat::dsmas_flags().subspan(1))) {
        text += ", " + std::string(name);
    }
    return text;
}

/// "0x0 to 0xfffffff, 256 MiB"
std::string range_text(std::uint64_t base, std::uint64_t length) {
    const auto size = cdat::size_text(length);
    if (length == 0 || length - 1 > std::numeric_limits<std::uint64_t>::max() - base) {
        return fmt::format("{:#x} and length {:#x}, {}", base, length, size);
    }
    return fmt::format("{:#x} to {:#x}, {}", base, base + (length - 1), size);
}

std::string memory_type_text(std::uint8_t type) {
    const auto name = cdat::efi_memory_type_name(type);
    return name.empty() ? fmt::format("type {}", type) : std::string(name);
}

/// "  Label           text" lines.
void add_line(std::string& out, std::string_view label, std::string_view text) {
    fmt::format_to(std::back_inserter(out), "  {:<15}  {}\n", label, text);
}

void add_performance(std::string& out, const Performance& performance) {
    add_line(out, "Read latency", sourced_text(performance.read_latency));
    add_line(out, "Write latency", sourced_text(performance.write_latency));
    add_line(out, "Read bandwidth", sourced_text(performance.read_bandwidth));
    add_line(out, "Write bandwidth", sourced_text(performance.write_bandwidth));
}

std::string cache_text(const cdat::CacheLevel& level) {
    const auto& cache = level.cache;
    const auto known = [](std::string_view word) { return word.empty() ? "unknown" : word; };
    auto text = fmt::format("{}, lines of {} bytes, associativity {}, write policy {}",
                            cdat::size_text(cache.cache_size_bytes), cache.line_size_bytes(),
                            known(cdat::associativity_name(cache.associativity())),
                            known(cdat::write_policy_name(cache.write_policy())));
    const auto& figures = level.performance;
    for (const auto& [name, figure] : {std::pair("read latency", figures.read_latency),
                                       std::pair("write latency", figures.write_latency),
                                       std::pair("read bandwidth", figures.read_bandwidth),
                                       std::pair("write bandwidth", figures.write_bandwidth)}) {
        if (figure) {
            text += fmt::format(", {} {}", name, figure_text(figure));
        }
    }
    return text;
}

void add_range(std::string& out, const MemoryRange& range) {
    const auto& dsmas = range.dsmas;
    fmt::format_to(std::back_inserter(out), "Memory range of handle {}\n", dsmas.handle);
    add_line(out, "DPA", range_text(dsmas.dpa_base_bytes, dsmas.dpa_length_bytes));
    add_line(out, "Memory", flags_text(dsmas));
    if (range.initiator_attached) {
        add_line(out, "Initiator", "attached to this memory");
    }
    std::string_view label = "EFI memory type";
    for (const auto& part : range.parts) {
        const bool whole =
            part.dpa_offset_bytes == 0 && part.dpa_length_bytes == dsmas.dpa_length_bytes;
        add_line(out, std::exchange(label, ""),
                 memory_type_text(part.memory_type) +
                     (whole ? ""
                            : fmt::format(", {} from offset {:#x}",
                                          cdat::size_text(part.dpa_length_bytes),
                                          part.dpa_offset_bytes)));
    }
    add_performance(out, range.performance);
    for (const auto& cache : range.caches) {
        add_line(out, fmt::format("Cache level {}", cache.cache.level()), cache_text(cache));
    }
}

// --- Switches ------------------------------------------------------------------------------------

using PickFigure = std::optional<Figure> Performance::*;

/// The upstream port first, then downstream ports by number, then any.
std::uint32_t port_rank(std::uint16_t port) {
    return port == cdat::SwitchEntry::upstream_port ? 0 : std::uint32_t{port} + 1;
}

struct ByRank {
    bool operator()(std::uint16_t left, std::uint16_t right) const {
        return port_rank(left) < port_rank(right);
    }
};
using Ports = std::set<std::uint16_t, ByRank>;

void add_matrix(std::string& out, std::string_view title, const std::vector<PortPair>& pairs,
                const Ports& rows, const Ports& columns, PickFigure pick) {
    std::map<std::pair<std::uint16_t, std::uint16_t>, std::string> cells;
    for (const auto& pair : pairs) {
        cells[{pair.port_x, pair.port_y}] = bare_text(pair.performance.*pick);
    }
    std::vector<std::vector<std::string>> lines(1);
    lines[0].emplace_back("from \\ to");
    for (const auto y : columns) {
        lines[0].push_back(cdat::port_name(y));
    }
    for (const auto x : rows) {
        auto& line = lines.emplace_back();
        line.push_back(cdat::port_name(x));
        for (const auto y : columns) {
            const auto cell = cells.find({x, y});
            line.push_back(cell == cells.end() ? std::string(absent) : cell->second);
        }
    }
    std::vector<std::size_t> widths(lines[0].size());
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            widths[i] = std::max(widths[i], line[i].size());
        }
    }
    out += std::string(title) + "\n";
    for (const auto& line : lines) {
        fmt::format_to(std::back_inserter(out), "  {:<{}}", line[0], widths[0]);
        for (std::size_t i = 1; i < line.size(); ++i) {
            fmt::format_to(std::back_inserter(out), "  {:>{}}", line[i], widths[i]);
        }
        out += '\n';
    }
}

struct Quantity {
    std::string_view both;
    std::string_view read;
    std::string_view write;
    PickFigure pick_read;
    PickFigure pick_write;
};

constexpr Quantity quantities[] = {
    {"Latency from port to port, ns", "Read latency from port to port, ns",
     "Write latency from port to port, ns", &Performance::read_latency,
     &Performance::write_latency},
    {"Bandwidth from port to port, MB/s", "Read bandwidth from port to port, MB/s",
     "Write bandwidth from port to port, MB/s", &Performance::read_bandwidth,
     &Performance::write_bandwidth},
};

/// Cells of a line of the host's table or of a list of ways, behind what they are of.
std::vector<std::string> with_figures(std::vector<std::string> cells,
                                      const Performance& performance) {
    for (const auto pick : {&Performance::read_latency, &Performance::write_latency,
                            &Performance::read_bandwidth, &Performance::write_bandwidth}) {
        cells.push_back(figure_text(performance.*pick));
    }
    return cells;
}

std::string ways_of(const std::vector<PortPair>& pairs, bool legend) {
    Ports rows;
    Ports columns;
    for (const auto& pair : pairs) {
        rows.insert(pair.port_x);
        columns.insert(pair.port_y);
    }
    std::string out;
    if (columns.size() > most_columns) {
        TextTable lines{"FROM",           "TO", "READ LATENCY", "WRITE LATENCY", "READ BANDWIDTH",
                        "WRITE BANDWIDTH"};
        for (const auto& pair : pairs) {
            lines.add(with_figures({cdat::port_name(pair.port_x), cdat::port_name(pair.port_y)},
                                   pair.performance));
        }
        return lines.render(legend);
    }
    for (const auto& quantity : quantities) {
        const auto has = [&](PickFigure pick) {
            return std::ranges::any_of(
                pairs, [&](const PortPair& pair) { return (pair.performance.*pick).has_value(); });
        };
        const bool same = std::ranges::all_of(pairs, [&](const PortPair& pair) {
            return pair.performance.*quantity.pick_read == pair.performance.*quantity.pick_write;
        });
        const auto add = [&](std::string_view title, PickFigure pick) {
            if (has(pick)) {
                out += out.empty() ? "" : "\n";
                add_matrix(out, title, pairs, rows, columns, pick);
            }
        };
        add(same ? quantity.both : quantity.read, quantity.pick_read);
        if (!same) {
            add(quantity.write, quantity.pick_write);
        }
    }
    return out;
}

}  // namespace

std::string render_cdat_summary(const CdatReading& reading, bool legend) {
    const Summary summary = cdat::summarize(cdat::decode(reading.table));
    std::string out;
    const auto next = [&out] { out += out.empty() ? "" : "\n"; };
    if (legend) {
        fmt::format_to(std::back_inserter(out), "CDAT of {}: {}\n", printable(reading.name),
                       reading.problems.empty()
                           ? "no problems"
                           : counted(reading.problems.size(), "problem", "problems") +
                                 (reading.is_defective() ? "" : ", none above a notice"));
    }
    for (const auto& range : summary.ranges) {
        next();
        add_range(out, range);
    }
    for (const auto& initiator : summary.initiators) {
        next();
        fmt::format_to(std::back_inserter(out), "Initiator of handle {}, without memory\n",
                       initiator.handle);
        add_performance(out, initiator.performance);
    }
    if (!summary.port_pairs.empty()) {
        next();
        out += ways_of(summary.port_pairs, legend);
    }
    out += render_host_view(reading.host, summary);
    if (legend && summary.ranges.empty() && summary.initiators.empty() &&
        summary.port_pairs.empty()) {
        out += "\nIt tells of no memory, no initiator and no switch.\n";
    }
    return out;
}

std::string render_host_summary(std::span<const CdatReading> readings, bool legend) {
    TextTable memory{"MAILBOX",         "HANDLE",       "DPA BASE",      "SIZE",
                     "MEMORY",          "READ LATENCY", "WRITE LATENCY", "READ BANDWIDTH",
                     "WRITE BANDWIDTH", "PROBLEMS"};
    TextTable ways{"MAILBOX",         "FROM",          "TO",
                   "READ LATENCY",    "WRITE LATENCY", "READ BANDWIDTH",
                   "WRITE BANDWIDTH", "PROBLEMS"};
    std::size_t ranges = 0;
    for (const auto& reading : readings) {
        const Summary summary = cdat::summarize(cdat::decode(reading.table));
        const auto problems = std::to_string(reading.problems.size());
        for (const auto& range : summary.ranges) {
            auto cells = with_figures(
                {reading.name, std::to_string(range.dsmas.handle),
                 fmt::format("{:#x}", range.dsmas.dpa_base_bytes),
                 cdat::size_text(range.dsmas.dpa_length_bytes), flags_text(range.dsmas)},
                range.performance);
            cells.push_back(problems);
            memory.add(std::move(cells));
            ++ranges;
        }
        for (const auto& pair : summary.port_pairs) {
            auto cells = with_figures(
                {reading.name, cdat::port_name(pair.port_x), cdat::port_name(pair.port_y)},
                pair.performance);
            cells.push_back(problems);
            ways.add(std::move(cells));
        }
    }
    std::string out = memory.empty() ? "" : memory.render(legend);
    if (!ways.empty()) {
        out += (out.empty() || !legend ? "" : "\n") + ways.render(legend);
    }
    if (legend) {
        fmt::format_to(std::back_inserter(out), "{}{}, {}.\n", out.empty() ? "" : "\n",
                       counted(readings.size(), "table", "tables"),
                       counted(ranges, "memory range", "memory ranges"));
    }
    return out;
}

}  // namespace doed::client
