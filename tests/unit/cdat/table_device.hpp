// SPDX-License-Identifier: Apache-2.0
//
// A device as table access sees it: for each entry handle a response payload. Asking it for a
// handle it never gave is a failure of the test, as it would crash a real one.
#pragma once

#include "cdat/table_access.hpp"
#include "cdat_vectors.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace doed::cdat {

struct Entry {
    Bytes bytes;
    std::uint16_t next_handle = 0xFFFF;
    std::uint8_t response_code = 0;
    std::uint8_t table_type = 0;

    /// The payload dwords, zeros in the bytes that are left.
    [[nodiscard]] std::vector<std::uint32_t> payload() const {
        std::vector<std::uint32_t> dwords(1 + (bytes.size() + 3) / 4);
        dwords[0] =
            response_code | std::uint32_t{table_type} << 8 | std::uint32_t{next_handle} << 16;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            dwords[1 + i / 4] |= std::uint32_t{bytes[i]} << (8 * (i % 4));
        }
        return dwords;
    }
};

class TableDevice {
public:
    TableDevice() = default;
    /// One entry for the header, one for each structure, the rest left out; handles count up.
    explicit TableDevice(const Bytes& table) { load(table); }

    void load(const Bytes& bytes) {
        const Table table = Table::parse(bytes);
        std::vector<Bytes> parts{Bytes(bytes.begin(), bytes.begin() + table_header_size_bytes)};
        for (const RawStructure& structure : table.structures()) {
            const auto part = table.bytes_of(structure);
            parts.emplace_back(part.begin(), part.end());
        }
        entries.clear();
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const bool last = i + 1 == parts.size();
            entries[static_cast<std::uint16_t>(i)] = {
                parts[i], static_cast<std::uint16_t>(last ? 0xFFFF : i + 1)};
        }
    }

    /// Adds an entry at the end of the chain.
    void append(Bytes bytes) {
        const auto handle = static_cast<std::uint16_t>(entries.size());
        entries.rbegin()->second.next_handle = handle;
        entries[handle] = {std::move(bytes)};
    }

    [[nodiscard]] std::vector<std::uint32_t> answer(std::uint32_t request) {
        EXPECT_EQ(request & 0xFFFF, 0U) << "request code and table type";
        const auto handle = static_cast<std::uint16_t>(request >> 16);
        ++exchanges;
        starts += handle == 0 ? 1 : 0;
        if (before_answer) {
            before_answer(handle);
        }
        EXPECT_TRUE(given_.contains(handle)) << "handle " << handle << " was never given";
        std::vector<std::uint32_t> payload = entries[handle].payload();
        if (alter_payload) {
            alter_payload(payload);
        }
        if (!payload.empty()) {
            given_.insert(static_cast<std::uint16_t>(payload[0] >> 16));
        }
        return payload;
    }

    std::map<std::uint16_t, Entry> entries;
    /// Called with the handle asked for; may change the entries.
    std::function<void(std::uint16_t)> before_answer;
    std::function<void(std::vector<std::uint32_t>&)> alter_payload;
    unsigned exchanges = 0;
    unsigned starts = 0;  ///< times handle 0 was asked for

private:
    std::set<std::uint16_t> given_{0};
};

/// Runs the operation against the device to its end.
inline base::Result<void> run(TableAccessOperation& operation, TableDevice& device) {
    auto step = operation.start();
    while (step && *step == doe::Operation::Step::send) {
        EXPECT_EQ(operation.request().size(), 1U);
        step = operation.consume(device.answer(operation.request()[0]));
    }
    if (!step) {
        return std::unexpected(step.error());
    }
    return {};
}

}  // namespace doed::cdat
