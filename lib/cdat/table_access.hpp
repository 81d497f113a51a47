// SPDX-License-Identifier: Apache-2.0
//
// Reads a whole CDAT through DOE Table Access (CXL r3.1 8.1.11.1): the 16-byte header at entry handle 0, then one
// structure per handle, each response naming the next handle, 0xFFFF the end. A handle the device did not give is never
// sent.
//
// The device may change its table between two exchanges. The header's sequence is not asked for again: the checksum
// covers the whole table. When length or checksum do not fit, everything is read again, up to max_attempts; a table that
// stays the same twice, or bad to the last, is the result nevertheless, with its problems.
#pragma once

#include "cdat/table.hpp"
#include "doe/operation.hpp"

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace doed::cdat {

class TableAccessOperation final : public doe::Operation {
public:
    static constexpr unsigned max_attempts = 5;

    [[nodiscard]] doe::Protocol protocol() const noexcept override { return doe::protocol_table_access; }
    [[nodiscard]] std::string_view single_flight_key() const noexcept override { return "cdat"; }
    [[nodiscard]] base::Result<Step> start() override;
    /// Error: malformed, when no attempt came to the end of the chain; the context says what the last one broke on.
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t> payload) override;
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override { return request_; }

    /// The table and all its problems; complete once finished.
    [[nodiscard]] const Table& table() const noexcept { return table_; }
    /// How often the table was read from its start.
    [[nodiscard]] unsigned attempts() const noexcept { return attempts_; }

private:
    /// What a chain that came to its end yielded.
    struct Reading {
        std::vector<std::uint8_t> bytes;
        ProblemList problems;
    };

    void begin_attempt();
    void ask(std::uint16_t handle) noexcept;
    [[nodiscard]] base::Result<void> take_entry(std::span<const std::uint8_t> entry);
    [[nodiscard]] base::Result<void> take_header(std::span<const std::uint8_t> entry);
    [[nodiscard]] base::Result<void> take_structure(std::span<const std::uint8_t> entry);
    [[nodiscard]] base::Result<void> take_padding(std::span<const std::uint8_t> entry);
    [[nodiscard]] base::Result<Step> follow(std::uint16_t next_handle);
    [[nodiscard]] Step end_chain();
    [[nodiscard]] base::Result<Step> end_broken(const base::Error& error);
    [[nodiscard]] Step finish();

    [[nodiscard]] std::unexpected<base::Error> broken(const std::string& what) const;

    std::array<std::uint32_t, 1> request_{};
    std::uint16_t handle_ = 0;         ///< asked for now
    std::bitset<0x10000> asked_;       ///< handles of this attempt
    std::uint32_t length_bytes_ = 0;   ///< of the table, by this attempt's header
    Reading current_;
    unsigned attempts_ = 0;

    std::optional<Reading> complete_;  ///< of the last attempt that came to its end
    std::optional<Problem> changed_;   ///< attempts that came to their end differed
    std::optional<Problem> broken_;    ///< an attempt after complete_ came to none
    Table table_;
};

}  // namespace doed::cdat
