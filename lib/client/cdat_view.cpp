// SPDX-License-Identifier: Apache-2.0
#include "client/cdat_view.hpp"

#include "client/render_cdat.hpp"
#include "client/render_cdat_summary.hpp"
#include "client/render_json.hpp"
#include "client/text.hpp"

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
    const std::string how = reading.from_file() ? "--file " + reading.name : reading.name;
    return {"the CDAT of " + reading.name + " has " +
            counted(reading.problems.size(), "problem", "problems") +
            ", first: " + reading.problems.front() + "; see all with: doectl cdat --check " + how};
}

int status_of(std::span<const CdatReading> readings, const CdatView& view) {
    const bool failed = view.check && std::ranges::any_of(readings, &CdatReading::is_defective);
    return failed ? check_failed_status : 0;
}

std::string text_of(const CdatReading& reading, const CdatView& view, bool legend) {
    if (view.check) {
        return render_cdat_problems(std::span(&reading, 1), legend);
    }
    if (view.summary) {
        return render_cdat_summary(reading, legend);
    }
    return view.hex ? render_cdat_hex(reading, legend) : render_cdat(reading, legend);
}

Outcome<CommandOutput> with_status(Outcome<CommandOutput> made, int exit_status) {
    if (made) {
        made->exit_status = exit_status;
    }
    return made;
}

}  // namespace

Outcome<CommandOutput> output_of(const CdatReading& reading, const CdatView& view,
                                 const OutputOptions& output) {
    if (view.raw_file) {
        return CommandOutput{as_text(reading.table.bytes()), view.raw_file, warnings_of(reading)};
    }
    return with_status(printed(output.json ? json_of_cdat(reading, *output.json)
                                           : text_of(reading, view, output.legend)),
                       status_of(std::span(&reading, 1), view));
}

Outcome<CommandOutput> output_of_all(std::span<const CdatReading> readings, const CdatView& view,
                                     const OutputOptions& output) {
    const int exit_status = status_of(readings, view);
    if (output.json) {
        return with_status(printed(json_of_cdats(readings, *output.json)), exit_status);
    }
    if (view.summary) {
        return printed(render_host_summary(readings, output.legend));
    }
    std::string text;
    for (const auto& reading : readings) {
        text += text.empty() || view.check ? "" : "\n";
        text += text_of(reading, view, output.legend);
    }
    return with_status(printed(std::move(text)), exit_status);
}

}  // namespace doed::client
