// SPDX-License-Identifier: Apache-2.0
#include "client/render_host_view.hpp"

#include "client/text.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace doed::client {

namespace {

using cdat::Figure;
using cdat::Performance;
using cdat::Summary;

/// One of the four figures, of the table and of the kernel.
struct Kind {
    std::string_view name;
    std::string_view unit;
    bool smaller_is_better;
    std::optional<Figure> Performance::* device;
    std::optional<std::uint64_t> cdat::HostFigures::* host;
    std::string RegionCells::* cell;  ///< null: none
};
constexpr Kind kinds[] = {
    {"Read latency", "ns", true, &Performance::read_latency, &cdat::HostFigures::read_latency_ns,
     &RegionCells::read_latency},
    {"Write latency", "ns", true, &Performance::write_latency, &cdat::HostFigures::write_latency_ns,
     nullptr},
    {"Read bandwidth", "MB/s", false, &Performance::read_bandwidth,
     &cdat::HostFigures::read_bandwidth_mbps, &RegionCells::read_bandwidth},
    {"Write bandwidth", "MB/s", false, &Performance::write_bandwidth,
     &cdat::HostFigures::write_bandwidth_mbps, nullptr},
};

/// The best of all ranges, in the unit of the kind: whole nanoseconds are rounded down, so that rounding makes no note.
std::optional<std::uint64_t> best_of(const Summary& summary, const Kind& kind) {
    constexpr std::uint64_t ps_per_ns = 1000;
    std::optional<std::uint64_t> best;
    for (const auto& range : summary.ranges) {
        const auto& figure = range.performance.*kind.device;
        if (!figure || figure->value.kind != cdat::Value::Kind::given) {
            continue;
        }
        const auto amount =
            kind.smaller_is_better ? figure->value.amount / ps_per_ns : figure->value.amount;
        const bool better = !best || (kind.smaller_is_better ? amount < *best : amount > *best);
        best = better ? amount : best;
    }
    return best;
}

/// What a region's figure cannot be better than: one of several devices may have more than one of them has.
std::optional<std::uint64_t> comparable(const cdat::HostRegion& region, const Summary& summary,
                                        const Kind& kind) {
    return region.targets == 1 ? best_of(summary, kind) : std::nullopt;
}

bool is_better(std::uint64_t seen, std::optional<std::uint64_t> best, const Kind& kind) {
    return best && (kind.smaller_is_better ? seen < *best : seen > *best);
}

void add_region(std::string& out, const cdat::HostRegion& region, const Summary& summary) {
    const std::string node =
        region.numa_node ? fmt::format(", NUMA node {}", *region.numa_node) : std::string();
    fmt::format_to(std::back_inserter(out), "\nThe kernel's {}{}\n", printable(region.name), node);
    if (region.figures.empty()) {
        out += "  no latency or bandwidth is shown\n";
    }
    for (const Kind& kind : kinds) {
        const auto& seen = region.figures.*kind.host;
        if (!seen) {
            continue;
        }
        const auto best = comparable(region, summary, kind);
        const bool impossible = is_better(*seen, best, kind);
        const bool several = summary.ranges.size() > 1;
        std::string note;
        if (impossible) {
            note = several
                       ? fmt::format(", better than the best of the table, {} {}", *best, kind.unit)
                       : fmt::format(", better than the {} {} of the table", *best, kind.unit);
        } else if (best && *seen != *best) {
            note = fmt::format(" ({}: {} {})", several ? "best of the table" : "the table", *best,
                               kind.unit);
        }
        fmt::format_to(std::back_inserter(out), "{} {:<15}  {} {}{}\n", impossible ? '!' : ' ',
                       kind.name, *seen, kind.unit, note);
    }
}

}  // namespace

std::string render_host_view(const cdat::HostView& host, const Summary& summary) {
    std::string text;
    if (host.empty()) {
        return text;
    }
    if (host.regions.empty()) {
        return fmt::format("\nThe kernel has made no memory of {} yet.\n",
                           printable(host.memory_device));
    }
    for (const auto& region : host.regions) {
        add_region(text, region, summary);
    }
    return text;
}

RegionCells cells_of_region(const cdat::HostRegion& region, const Summary& summary) {
    RegionCells cells;
    cells.name = region.name;
    if (region.targets > 1) {
        cells.name += fmt::format(" of {} devices", region.targets);
    }
    cells.numa_node = region.numa_node ? std::to_string(*region.numa_node) : "-";
    for (const Kind& kind : kinds) {
        const auto& seen = region.figures.*kind.host;
        const bool impossible = seen && is_better(*seen, comparable(region, summary, kind), kind);
        cells.impossible = cells.impossible || impossible;
        if (kind.cell != nullptr) {
            cells.*kind.cell =
                seen ? fmt::format("{} {}{}", *seen, kind.unit, impossible ? " (!)" : "") : "-";
        }
    }
    return cells;
}

}  // namespace doed::client
