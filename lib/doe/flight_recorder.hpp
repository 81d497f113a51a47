// SPDX-License-Identifier: Apache-2.0
//
// What a mailbox did last: one record for each exchange and each abort outside of one, the last 64 of them. Lengths, times,
// status words and outcomes, never payloads. Records have a fixed size, and once the ring is full nothing is allocated.
// Owned by the ExchangeDriver, on the mailbox's strand; reads no clock.
#pragma once

#include "base/error.hpp"
#include "base/scheduler.hpp"
#include "doe/protocol.hpp"
#include "doe/status_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

namespace doed::doe {

/// What an exchange was made for.
enum class Purpose : std::uint8_t {
    claim,    ///< the mailbox was taken for the first time
    reset,    ///< it was claimed anew because somebody wanted so
    revival,  ///< it was dead and is tried again
    request,  ///< an operation that somebody asked for
};

/// What told that a response was ready.
enum class Noticed : std::uint8_t { nothing, poll, interrupt };

enum class AbortResult : std::uint8_t { not_tried, under_way, done, failed };

/// A text that is cut to what fits.
template <std::size_t capacity>
class BoundedText {
public:
    BoundedText() = default;
    explicit BoundedText(std::string_view text) noexcept
        : length_(std::min(text.size(), capacity)) {
        std::ranges::copy(text.substr(0, length_), characters_.begin());
    }

    [[nodiscard]] std::string_view view() const noexcept { return {characters_.data(), length_}; }

private:
    std::size_t length_ = 0;
    std::array<char, capacity> characters_{};
};

struct TraceRecord {
    static constexpr std::size_t cause_length_max = 144;

    std::uint64_t sequence = 0;  ///< from 1 on, one more with each record
    base::TimePoint begin{};
    base::Duration duration{};  ///< so far, while it is under way
    bool ended = false;
    Purpose purpose = Purpose::request;
    std::optional<Protocol> protocol;      ///< none: an abort alone
    std::uint32_t request_length_dw = 0;   ///< header included; 0: none
    std::uint32_t response_length_dw = 0;  ///< as the device named it, header included; 0: none
    std::optional<base::Duration> response_time;  ///< from GO until the response was seen
    StatusWords status;
    std::uint32_t reads = 0;   ///< config accesses, dwords
    std::uint32_t writes = 0;  ///< config accesses, dwords
    std::uint32_t polls = 0;   ///< looks that the passing of time had led to
    Noticed noticed = Noticed::nothing;
    AbortResult abort = AbortResult::not_tried;
    std::optional<base::Errc> error;      ///< of the outcome; none when it went well
    BoundedText<cause_length_max> cause;  ///< of the error
};
static_assert(std::is_trivially_copyable_v<TraceRecord>);

class FlightRecorder {
public:
    static constexpr std::size_t capacity = 64;

    /// Gives the record its sequence number and keeps it as the one under way, until end().
    void begin(TraceRecord record) noexcept;
    /// The record under way; there is one.
    [[nodiscard]] TraceRecord& current() noexcept { return current_; }
    [[nodiscard]] const TraceRecord& current() const noexcept { return current_; }
    /// Puts the record under way into the ring, where it replaces the oldest one once the ring is full.
    void end();

    /// The records in the ring, oldest first.
    [[nodiscard]] std::vector<TraceRecord> records() const;

private:
    TraceRecord current_;
    bool under_way_ = false;
    std::uint64_t next_sequence_ = 1;
    std::vector<TraceRecord>
        ring_;                ///< grows to capacity, so that a mailbox at rest takes little room
    std::size_t oldest_ = 0;  ///< index of the oldest record once the ring is full
};

}  // namespace doed::doe
