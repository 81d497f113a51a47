// SPDX-License-Identifier: Apache-2.0
#include "client/commands/cdat_build.hpp"

#include "cdat/json.hpp"
#include "client/input_file.hpp"

#include <string_view>

namespace doed::client {

namespace {

std::string as_text(std::span<const std::uint8_t> bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace

Outcome<CommandOutput> run(const CdatBuildOptions& options, const OutputOptions&) {
    const auto text = read_input(options.file, cdat::max_json_size_bytes);
    if (!text) {
        return std::unexpected(text.error());
    }
    auto document =
        cdat::parse_document(as_text(*text), options.file == "-" ? "standard input" : options.file);
    const auto bytes = document ? cdat::from_json(*document) : std::unexpected(document.error());
    if (!bytes) {
        return failed(FailureKind::general, bytes.error().context(),
                      "man doectl describes the document, at JSON");
    }
    CommandOutput made{as_text(*bytes), options.out, {}};
    for (const auto& problem : cdat::Table::parse(*bytes).all_problems()) {
        if (problem.severity != cdat::Severity::notice) {
            made.warnings.push_back("the table has a problem, " + cdat::to_string(problem));
        }
    }
    return made;
}

}  // namespace doed::client
