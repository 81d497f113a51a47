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
using PickFigure = std::optional<Figure> Performance::*;

/// More columns than fit a screen; then the ways are listed instead.
constexpr std::size_t most_columns = 16;
/// Ways that are listed of one switch among the tables of a host.
constexpr std::size_t most_ways = 64;
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

constexpr PickFigure figure_picks[] = {&Performance::read_latency, &Performance::write_latency,
                                       &Performance::read_bandwidth, &Performance::write_bandwidth};

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
    lines[0].emplace_back("X \\ Y");
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
    for (const auto pick : figure_picks) {
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
        TextTable lines{"PORT X",        "PORT Y",         "READ LATENCY",
                        "WRITE LATENCY", "READ BANDWIDTH", "WRITE BANDWIDTH"};
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

// --- Problems ------------------------------------------------------------------------------------

/// ", an error", ", the worst an error", ", none above a notice"; empty without problems.
std::string severity_text(const CdatReading& reading) {
    const auto worst = reading.worst();
    if (!worst) {
        return "";
    }
    const bool one = reading.problems.size() == 1;
    switch (*worst) {
        case cdat::Severity::notice: return one ? ", a notice" : ", none above a notice";
        case cdat::Severity::warning: return one ? ", a warning" : ", the worst a warning";
        case cdat::Severity::error: return one ? ", an error" : ", the worst an error";
    }
    return "";
}

std::string problems_text(const CdatReading& reading) {
    auto text = reading.counted_problems() + severity_text(reading);
    if (!reading.problems.empty()) {
        text += " (" + printable(reading.check_command()) + ")";
    }
    return text;
}

// --- A host --------------------------------------------------------------------------------------

/// "3, the worst an error"
std::string problems_cell(const CdatReading& reading) {
    if (reading.unread) {
        return "cannot be read";
    }
    return reading.problems.empty() ? std::string(absent)
                                    : reading.problem_count() + severity_text(reading);
}

/// Best and worst of one figure on all ways through a switch.
std::string span_text(const std::vector<PortPair>& pairs, PickFigure pick) {
    const Figure* best = nullptr;
    const Figure* worst = nullptr;
    const auto is_better = [](const Figure& left, const Figure& right) {
        const bool reached = left.value.kind == cdat::Value::Kind::given;
        if (reached != (right.value.kind == cdat::Value::Kind::given)) {
            return reached;
        }
        return cdat::is_latency(left.from) ? left.value.amount < right.value.amount
                                           : left.value.amount > right.value.amount;
    };
    for (const auto& pair : pairs) {
        const auto& figure = pair.performance.*pick;
        if (!figure || figure->value.kind == cdat::Value::Kind::not_provided) {
            continue;
        }
        best = best == nullptr || is_better(*figure, *best) ? &*figure : best;
        worst = worst == nullptr || is_better(*worst, *figure) ? &*figure : worst;
    }
    if (best == nullptr) {
        return std::string(absent);
    }
    if (best->value == worst->value) {
        return cdat::value_text(best->value, cdat::is_latency(best->from));
    }
    const bool same_unit = best->value.kind == worst->value.kind;
    return fmt::format("{} to {}", same_unit ? bare_text(*best) : figure_text(*best),
                       figure_text(*worst));
}

/// "switch, 4 ports, 12 ways"
std::string switch_text(const std::vector<PortPair>& pairs) {
    Ports ports;
    for (const auto& pair : pairs) {
        ports.insert(pair.port_x);
        ports.insert(pair.port_y);
    }
    ports.erase(cdat::SwitchEntry::any_port);
    return fmt::format("switch, {}, {}", counted(ports.size(), "port", "ports"),
                       counted(pairs.size(), "way", "ways"));
}

/// The host's matrix: what is told of each mailbox, and how far and how fast it is. Lines of tables with problems are marked,
/// like the lines of a report.
class HostMatrix {
public:
    explicit HostMatrix(bool with_regions)
        : with_regions_(with_regions),
          lines_(with_regions
                     ? TextTable{"MAILBOX", "WHAT", "DPA BASE", "SIZE", "MEMORY", "READ LATENCY",
                                 "WRITE LATENCY", "READ BANDWIDTH", "WRITE BANDWIDTH", "REGION",
                                 "NUMA NODE", "KERNEL'S READ LATENCY", "KERNEL'S READ BANDWIDTH",
                                 "PROBLEMS"}
                     : TextTable{"MAILBOX", "WHAT", "DPA BASE", "SIZE", "MEMORY", "READ LATENCY",
                                 "WRITE LATENCY", "READ BANDWIDTH", "WRITE BANDWIDTH",
                                 "PROBLEMS"}) {}

    void add(const CdatReading& reading, const Summary& summary) {
        const auto& regions = reading.host.regions;
        // Which region is of which range, the kernel does not tell.
        const bool one_to_one = summary.ranges.size() == 1 && regions.size() == 1;
        const auto cells_of = [&](std::string what, std::string base, std::string size,
                                  std::string memory) {
            return std::vector<std::string>{reading.name, std::move(what), std::move(base),
                                            std::move(size), std::move(memory)};
        };
        const std::string none(absent);
        if (summary.ranges.empty() && summary.initiators.empty() && summary.port_pairs.empty()) {
            add_line(reading, with_figures(cells_of(reading.unread ? "not read" : "no memory told",
                                                    none, none, none),
                                           {}));
        }
        for (const auto& range : summary.ranges) {
            const auto& dsmas = range.dsmas;
            auto cells = cells_of(fmt::format("memory {}", dsmas.handle),
                                  fmt::format("{:#x}", dsmas.dpa_base_bytes),
                                  cdat::size_text(dsmas.dpa_length_bytes), flags_text(dsmas));
            cells = with_figures(std::move(cells), range.performance);
            if (one_to_one) {
                add_line(reading, std::move(cells), cells_of_region(regions.front(), summary));
            } else {
                add_line(reading, std::move(cells));
            }
        }
        for (const auto& initiator : summary.initiators) {
            add_line(reading, with_figures(cells_of(fmt::format("initiator {}", initiator.handle),
                                                    none, none, none),
                                           initiator.performance));
        }
        if (!summary.port_pairs.empty()) {
            auto cells = cells_of(switch_text(summary.port_pairs), none, none, none);
            for (const auto pick : figure_picks) {
                cells.push_back(span_text(summary.port_pairs, pick));
            }
            add_line(reading, std::move(cells));
        }
        if (!one_to_one) {
            for (const auto& region : regions) {
                add_line(reading,
                         with_figures(cells_of("region of the kernel", none, none, none), {}),
                         cells_of_region(region, summary));
            }
        }
    }

    [[nodiscard]] std::string render(bool legend) const {
        const std::string lines = lines_.empty() ? "" : lines_.render(legend);
        const std::string marks = (legend ? " " : "") + marks_;
        std::string out;
        std::size_t at = 0;
        for (const char mark : marks) {
            const auto end = std::min(lines.find('\n', at), lines.size());
            if (at < end) {
                out += {mark, ' '};
                out += lines.substr(at, end - at) + "\n";
            }
            at = end + 1;
        }
        return out;
    }

private:
    void add_line(const CdatReading& reading, std::vector<std::string> cells,
                  const std::optional<RegionCells>& region = std::nullopt) {
        if (with_regions_) {
            const std::string none(absent);
            cells.push_back(region ? region->name : none);
            cells.push_back(region ? region->numa_node : none);
            cells.push_back(region ? region->read_latency : none);
            cells.push_back(region ? region->read_bandwidth : none);
        }
        cells.push_back(problems_cell(reading));
        lines_.add(std::move(cells));
        const bool wrong =
            reading.unread || reading.is_defective() || (region && region->impossible);
        marks_ += wrong ? '!' : reading.problems.empty() ? ' ' : '?';
    }

    bool with_regions_;
    TextTable lines_;
    std::string marks_;  ///< one for each line
};

/// The first ways through each switch.
class HostWays {
public:
    void add(const CdatReading& reading, const std::vector<PortPair>& pairs) {
        const auto listed = std::min(pairs.size(), most_ways);
        for (const auto& pair : std::span(pairs).first(listed)) {
            lines_.add(with_figures(
                {reading.name, cdat::port_name(pair.port_x), cdat::port_name(pair.port_y)},
                pair.performance));
        }
        if (listed < pairs.size()) {
            cut_ += fmt::format(
                "{} of {} ways of {} are listed; see all with: doectl cdat {} "
                "--summary\n",
                listed, pairs.size(), printable(reading.name), printable(reading.name));
        }
    }

    [[nodiscard]] std::string render(bool legend) const {
        return lines_.empty() ? "" : lines_.render(legend) + cut_;
    }

private:
    TextTable lines_{"MAILBOX",       "PORT X",         "PORT Y",         "READ LATENCY",
                     "WRITE LATENCY", "READ BANDWIDTH", "WRITE BANDWIDTH"};
    std::string cut_;
};

}  // namespace

std::string render_cdat_summary(const CdatReading& reading, bool legend) {
    const Summary summary = cdat::summarize(cdat::decode(reading.table));
    std::string out;
    const auto next = [&out] { out += out.empty() ? "" : "\n"; };
    if (legend) {
        fmt::format_to(std::back_inserter(out), "CDAT of {}: {}\n", printable(reading.name),
                       problems_text(reading));
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
    HostMatrix matrix(std::ranges::any_of(
        readings, [](const CdatReading& reading) { return !reading.host.regions.empty(); }));
    HostWays ways;
    std::size_t ranges = 0;
    for (const auto& reading : readings) {
        const Summary summary = cdat::summarize(cdat::decode(reading.table));
        matrix.add(reading, summary);
        ways.add(reading, summary.port_pairs);
        ranges += summary.ranges.size();
    }
    std::string out = matrix.render(legend);
    if (const auto text = ways.render(legend); !text.empty()) {
        out += (legend ? "\n" : "") + text;
    }
    if (!legend) {
        return out;
    }
    out += out.empty() ? "" : "\n";
    const auto unread =
        static_cast<std::size_t>(std::ranges::count_if(readings, &CdatReading::unread));
    fmt::format_to(std::back_inserter(out), "{}, {}{}.\n",
                   counted(readings.size() - unread, "table", "tables"),
                   counted(ranges, "memory range", "memory ranges"),
                   unread == 0 ? "" : fmt::format(", {} not read", unread));
    if (ranges != 0) {
        out +=
            "EFI memory types, caches, and what each figure was told as: doectl cdat MAILBOX "
            "--summary\n";
    }
    const auto wrong = std::ranges::count_if(
        readings, [](const CdatReading& reading) { return !reading.problems.empty(); });
    if (wrong != 0) {
        fmt::format_to(std::back_inserter(out), "Problems of {}: doectl cdat --all --check\n",
                       counted(static_cast<std::uint64_t>(wrong), "table", "tables"));
    }
    return out;
}

}  // namespace doed::client
