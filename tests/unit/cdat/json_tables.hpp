// SPDX-License-Identifier: Apache-2.0
//
// Tables that tests write as JSON: in the text of a test, or as files in tests/vectors/cdat.
#pragma once

#include "cdat/json.hpp"
#include "cdat_vectors.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace doed::cdat {

inline base::Result<Bytes> build(std::string_view json) {
    auto document = base::JsonDocument::parse(json, "table.json");
    if (!document) {
        return std::unexpected(document.error());
    }
    return from_json(*document);
}

/// The bytes of a document that is right. Throws when it is not.
inline Bytes built(std::string_view json) {
    auto bytes = build(json);
    if (!bytes) {
        throw std::runtime_error(bytes.error().message());
    }
    return *bytes;
}

/// The bytes of a table in tests/vectors/cdat: "tables/endpoint.json", "good.hex".
inline Bytes load_file(const std::filesystem::path& path) {
    if (path.extension() == ".hex") {
        return load_vector(path.stem());
    }
    auto document = base::JsonDocument::load(std::filesystem::path(DOED_CDAT_VECTORS) / path);
    const auto bytes = document ? from_json(*document) : std::unexpected(document.error());
    if (!bytes) {
        throw std::runtime_error(bytes.error().message());
    }
    return *bytes;
}

/// Every table there is in tests/vectors/cdat.
inline std::vector<std::filesystem::path> all_files() {
    const std::filesystem::path top(DOED_CDAT_VECTORS);
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top)) {
        const auto path = entry.path().lexically_relative(top);
        const bool golden = *path.begin() == "golden";
        if (!golden && (path.extension() == ".json" || path.extension() == ".hex")) {
            files.push_back(path);
        }
    }
    std::ranges::sort(files);
    return files;
}

/// The table's document as a value, for looking at single members.
inline std::string document_of(const Bytes& bytes, JsonStyle style = JsonStyle::compact) {
    return to_json(Table::parse(bytes), {}, style);
}

}  // namespace doed::cdat
