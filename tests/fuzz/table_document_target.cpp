// SPDX-License-Identifier: Apache-2.0
//
// Any text as the JSON document of a table: refused on one line that names the file and the place, or built, and then the
// document of what was built builds the same again. And as a document that the host's part is taken out of.
#include "cdat/json.hpp"
#include "cdat/table.hpp"
#include "client/host_view_document.hpp"
#include "fuzz/target.hpp"

#include <string_view>

namespace {

using doed::base::Errc;
using doed::base::JsonDocument;

void check_refusal(const doed::base::Error& error) {
    DOED_ASSERT(!error.context().contains('\n'));
    if (error.code() == Errc::too_large) {
        return;  // all of it is the place
    }
    DOED_ASSERT(error.code() == Errc::invalid_argument);
    DOED_ASSERT(error.context().starts_with("table.json: "));
    const auto what =
        std::string_view(error.context()).substr(std::string_view("table.json: ").size());
    DOED_ASSERT(what.starts_with("/") || what.starts_with("top level: ") ||
                what.starts_with("parse error at line ") || what.contains("number overflow"));
}

doed::base::Result<std::vector<std::uint8_t>> build(doed::base::Result<JsonDocument> document) {
    return document ? doed::cdat::from_json(*document) : std::unexpected(document.error());
}

void check_document(std::string_view text) {
    const auto bytes = build(JsonDocument::parse(text, "table.json"));
    // It looks at less, and at nothing else.
    const auto alike = build(doed::cdat::parse_document(text, "table.json"));
    if (!alike) {
        check_refusal(alike.error());
    }
    DOED_ASSERT(!bytes || (alike && *alike == *bytes));
    if (!bytes) {
        check_refusal(bytes.error());
        return;
    }
    DOED_ASSERT(bytes->size() <= doed::cdat::max_table_size_bytes);
    const auto table = doed::cdat::Table::parse(*bytes);
    DOED_ASSERT(table.bytes() == *bytes);
    for (const auto style : {doed::cdat::JsonStyle::compact, doed::cdat::JsonStyle::pretty}) {
        const auto written = doed::cdat::to_json(table, {}, style);
        DOED_ASSERT(written.size() <= doed::cdat::max_json_size_bytes);
        DOED_ASSERT(doed::cdat::to_json_within(written.size(), table, {}, style) == written);
        DOED_ASSERT(!doed::cdat::to_json_within(written.size() - 1, table, {}, style));
        auto again = JsonDocument::parse(written, "again");
        DOED_ASSERT(again.has_value());
        const auto rebuilt = doed::cdat::from_json(*again);
        DOED_ASSERT(rebuilt && *rebuilt == *bytes);
    }
}

// A document with a host's part that is taken is written with the same one.
void check_host_view(std::string_view text) {
    const auto host = doed::client::host_view_of(text);
    if (!host) {
        DOED_ASSERT(host.error().message().starts_with("doed's document of the table: "));
        DOED_ASSERT(!host.error().message().contains('\n'));
        return;
    }
    const auto written = doed::cdat::to_json({}, {.mailbox = {}, .source = {}, .host = *host},
                                             doed::cdat::JsonStyle::compact);
    const auto again = doed::client::host_view_of(written);
    DOED_ASSERT(again && (*again == *host || host->empty()));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
    const auto text = doed::fuzz::Input(data, size_bytes).all_text();
    check_document(text);
    check_host_view(text);
    return 0;
}
