// SPDX-License-Identifier: Apache-2.0
//
// Reads a whole CDAT through DOE Table Access (CXL r3.1 8.1.11.1): the 16-byte header at entry
// handle 0, then one structure per handle, each response naming the next handle, 0xFFFF the end. A
// handle the device did not give is never sent.
//
// The device may change its table between two exchanges. When length or checksum do not fit,
// everything is read again, up to max_attempts; a table that stays the same twice, or bad to the
// last, is the result nevertheless, with its problems. A table with a sequence number other than 0
// has changed before: its header is asked for once more at the end, and must be the same.
#pragma once

#include "cdat/table.hpp"
#include "doe/operation.hpp"

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <vector>

namespace doed::cdat {

class TableAccessOperation final : public doe::Operation {
public:
    static constexpr unsigned max_attempts = 5;

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_table_access;
    }
    [[nodiscard]] std::string_view single_flight_key() const noexcept override { return "cdat"; }
    [[nodiscard]] base::Result<Step> start() override;
    /// Error: malformed, when no attempt came to the end of the chain; the context says what the
    /// last one broke on.
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t> payload) override;
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
        return request_;
    }

    /// The table and all its problems; complete once finished.
    [[nodiscard]] const Table& table() const noexcept { return table_; }
    /// How often the table was read from its start.
    [[nodiscard]] unsigned attempts() const noexcept { return attempts_; }

private:
    /// What was read of a table.
    struct Reading {
        std::vector<std::uint8_t> bytes;
        ProblemList problems;
    };

    void begin_attempt();
    void ask(std::uint16_t handle) noexcept;
    /// Takes the entry in and yields the handle of the next one.
    [[nodiscard]] base::Result<std::uint16_t> take_response(std::span<const std::uint32_t> payload);
    [[nodiscard]] base::Result<void> take_header(std::span<const std::uint8_t> entry);
    [[nodiscard]] base::Result<void> take_structure(std::span<const std::uint8_t> entry);
    [[nodiscard]] base::Result<void> take_padding(std::span<const std::uint8_t> entry);
    /// Error: malformed, when the response is none of table access.
    [[nodiscard]] base::Result<std::uint16_t> next_handle_of(
        std::span<const std::uint32_t> payload) const;
    [[nodiscard]] Step end_chain();
    [[nodiscard]] base::Result<Step> confirm(std::span<const std::uint32_t> payload);
    [[nodiscard]] Step end_attempt(bool sound);
    [[nodiscard]] base::Result<Step> end_broken(const base::Error& error);
    [[nodiscard]] Step finish();

    [[nodiscard]] std::size_t missing_bytes() const noexcept {
        return length_bytes_ - current_.bytes.size();
    }
    void note_oversize(std::size_t sent_bytes, std::size_t kept_bytes);
    void note_change(const Reading& before, const Reading& after);
    [[nodiscard]] std::unexpected<base::Error> header_size_error(std::size_t size_bytes) const;
    [[nodiscard]] std::unexpected<base::Error> broken(
        const std::string& what,
        std::source_location where = std::source_location::current()) const;

    std::array<std::uint32_t, 1> request_{};
    std::uint16_t handle_ = 0;        ///< asked for now
    std::bitset<0x10000> asked_;      ///< handles of this attempt
    std::uint32_t length_bytes_ = 0;  ///< of the table, by this attempt's header
    Reading current_;
    unsigned attempts_ = 0;
    bool confirming_ = false;  ///< the table is whole, its header is asked for again

    std::optional<Reading> complete_;  ///< of the last attempt that came to the end of its chain
    ProblemList between_attempts_;     ///< what went wrong across attempts; void once one is sound
    Table table_;
};

}  // namespace doed::cdat
