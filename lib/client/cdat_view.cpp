// SPDX-License-Identifier: Apache-2.0
#include "client/cdat_view.hpp"

#include "client/render_cdat.hpp"
#include "client/render_cdat_summary.hpp"
#include "client/render_json.hpp"

#include <algorithm>

namespace doed::client {

namespace {

std::string as_text(std::span<const std::uint8_t> bytes) {
    std::string text(bytes.size(), '\0');
    std::ranges::transform(bytes, text.begin(),
                           [](std::uint8_t byte) { return static_cast<char>(byte); });
    return text;
}

/// For views that show the bytes alone.
std::vector<std::string> warnings_of(const CdatReading& reading) {
    if (reading.problems.empty()) {
        return {};
    }
    return {"the CDAT of " + reading.name + " has " + reading.counted_problems() + ", first: " +
            reading.problems.front() + "; list them with: " + reading.check_command()};
}

/// Of what is missing in a view that shows what the kernel made of tables.
std::vector<std::string> missing_of(std::span<const CdatReading> readings) {
    std::vector<std::string> lines;
    for (const auto& reading : readings) {
        if (reading.host_withheld) {
            lines.push_back("what the kernel made of the CDAT of " + reading.name +
                            " is not shown: doed hands out no document of it (it is too long, or "
                            "doed is older than doectl)");
        }
    }
    return lines;
}

int status_of(std::span<const CdatReading> readings, const CdatView& view) {
    const bool failed = view.check && std::ranges::any_of(readings, &CdatReading::is_defective);
    return failed ? check_failed_status : 0;
}

std::string text_of(const CdatReading& reading, const CdatView& view, const OutputOptions& output) {
    const bool legend = output.legend;
    if (view.check) {
        return render_cdat_problems(std::span(&reading, 1), legend, output.palette);
    }
    if (view.summary) {
        return render_cdat_summary(reading, legend);
    }
    return output.palette.paint_marked_lines(view.hex ? render_cdat_hex(reading, legend)
                                                      : render_cdat(reading, legend));
}

Outcome<CommandOutput> finished(Outcome<CommandOutput> made, std::span<const CdatReading> readings,
                                const CdatView& view) {
    if (made) {
        made->exit_status = status_of(readings, view);
        made->warnings = missing_of(readings);
    }
    return made;
}

}  // namespace

Outcome<CommandOutput> output_of(const CdatReading& reading, const CdatView& view,
                                 const OutputOptions& output) {
    if (view.raw_file) {
        return CommandOutput{as_text(reading.table.bytes()), view.raw_file, warnings_of(reading)};
    }
    return finished(
        printed(output.json ? json_of_cdat(reading, *output.json) : text_of(reading, view, output)),
        std::span(&reading, 1), view);
}

Outcome<CommandOutput> output_of_all(std::span<const CdatReading> readings, const CdatView& view,
                                     const OutputOptions& output) {
    if (output.json) {
        return finished(printed(json_of_cdats(readings, *output.json)), readings, view);
    }
    if (view.summary) {
        return finished(printed(output.palette.paint_marked_lines(
                            render_host_summary(readings, output.legend))),
                        readings, view);
    }
    std::string text;
    for (const auto& reading : readings) {
        text += text.empty() || view.check ? "" : "\n";
        text += text_of(reading, view, output);
    }
    return finished(printed(std::move(text)), readings, view);
}

}  // namespace doed::client
