// SPDX-License-Identifier: Apache-2.0
#include "cdat/table_access.hpp"

#include "base/byte_cursor.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <utility>

namespace doed::cdat {

namespace {

constexpr std::uint8_t code_read_entry = 0;
constexpr std::uint8_t table_type_cdat = 0;
constexpr std::uint16_t header_handle = 0;
constexpr std::uint16_t no_more_handles = 0xFFFF;
constexpr std::size_t structure_length_offset_bytes = 2;
constexpr std::size_t sequence_offset_bytes = 12;
// A data object has whole dwords: an entry of another length is followed by up to three more bytes.
constexpr std::size_t max_dword_padding_bytes = 3;

std::uint16_t read16(std::span<const std::uint8_t> bytes, std::size_t offset) noexcept {
    return static_cast<std::uint16_t>(bytes[offset] | bytes[offset + 1] << 8);
}

std::uint32_t read32(std::span<const std::uint8_t> bytes, std::size_t offset) noexcept {
    return read16(bytes, offset) | std::uint32_t{read16(bytes, offset + 2)} << 16;
}

std::vector<std::uint8_t> to_bytes(std::span<const std::uint32_t> dwords) {
    base::ByteWriter writer;
    for (const std::uint32_t dword : dwords) {
        writer.write(dword);
    }
    return writer.take();
}

bool adds_up(std::span<const std::uint8_t> bytes) noexcept {
    return std::accumulate(bytes.begin(), bytes.end(), 0U) % 256 == 0;
}

std::uint32_t sequence_of(std::span<const std::uint8_t> table) noexcept {
    return read32(table, sequence_offset_bytes);
}

std::string hex(unsigned value, int digits) {
    char text[16];
    std::snprintf(text, sizeof(text), "0x%0*x", digits, value);
    return text;
}

}  // namespace

base::Result<doe::Operation::Step> TableAccessOperation::start() {
    attempts_ = 0;
    complete_.reset();
    between_attempts_ = {};
    table_ = {};
    begin_attempt();
    return Step::send;
}

base::Result<doe::Operation::Step> TableAccessOperation::consume(
    std::span<const std::uint32_t> payload) {
    if (std::exchange(confirming_, false)) {
        return confirm(payload);
    }
    const auto next_handle = take_response(payload);
    if (!next_handle) {
        return end_broken(next_handle.error());
    }
    if (*next_handle == no_more_handles) {
        return end_chain();
    }
    ask(*next_handle);
    return Step::send;
}

void TableAccessOperation::begin_attempt() {
    ++attempts_;
    asked_.reset();
    confirming_ = false;
    length_bytes_ = 0;
    current_ = {};
    ask(header_handle);
}

void TableAccessOperation::ask(std::uint16_t handle) noexcept {
    handle_ = handle;
    asked_.set(handle);
    request_[0] =
        code_read_entry | std::uint32_t{table_type_cdat} << 8 | std::uint32_t{handle} << 16;
}

base::Result<std::uint16_t> TableAccessOperation::next_handle_of(
    std::span<const std::uint32_t> payload) const {
    if (payload.empty()) {
        return broken("a response without payload");
    }
    const auto response_code = static_cast<std::uint8_t>(payload[0]);
    const auto table_type = static_cast<std::uint8_t>(payload[0] >> 8);
    if (response_code != code_read_entry) {
        return broken("response code " + hex(response_code, 2) + ", not 0x00");
    }
    if (table_type != table_type_cdat) {
        return broken("table type " + hex(table_type, 2) + ", not 0x00 (CDAT)");
    }
    return static_cast<std::uint16_t>(payload[0] >> 16);
}

base::Result<std::uint16_t> TableAccessOperation::take_response(
    std::span<const std::uint32_t> payload) {
    const auto next_handle = next_handle_of(payload);
    if (!next_handle) {
        return next_handle;
    }
    const std::vector<std::uint8_t> entry = to_bytes(payload.subspan(1));
    const auto taken = handle_ == header_handle ? take_header(entry) : take_structure(entry);
    if (!taken) {
        return std::unexpected(taken.error());
    }
    if (*next_handle != no_more_handles && asked_.test(*next_handle)) {
        return broken("the next handle, " + hex(*next_handle, 4) + ", was there before");
    }
    return next_handle;
}

base::Result<void> TableAccessOperation::take_header(std::span<const std::uint8_t> entry) {
    if (entry.size() != table_header_size_bytes) {
        return header_size_error(entry.size());
    }
    length_bytes_ = read32(entry, 0);
    if (length_bytes_ < table_header_size_bytes || length_bytes_ > max_table_size_bytes) {
        return broken("the header says the table has " + std::to_string(length_bytes_) +
                      " bytes, not 16 to " + std::to_string(max_table_size_bytes));
    }
    current_.bytes.assign(entry.begin(), entry.end());
    return {};
}

base::Result<void> TableAccessOperation::take_structure(std::span<const std::uint8_t> entry) {
    if (entry.size() < structure_header_size_bytes) {
        return broken("a response without structure");
    }
    std::size_t length = read16(entry, structure_length_offset_bytes);
    if (length < structure_header_size_bytes) {
        if (std::ranges::count(entry, 0) == std::ssize(entry)) {
            return take_padding(entry);
        }
        // No structure at all: kept as it came, for the table to say so.
        length = entry.size();
    }
    if (length > entry.size()) {
        return broken("a structure of " + std::to_string(length) +
                      " bytes in a response that has " + std::to_string(entry.size()) + " of them");
    }
    if (length > missing_bytes()) {
        return broken("the entries have more bytes than the " + std::to_string(length_bytes_) +
                      " that the header says");
    }
    note_oversize(entry.size(), length);
    current_.bytes.insert(current_.bytes.end(), entry.begin(),
                          entry.begin() + static_cast<std::ptrdiff_t>(length));
    return {};
}

// Some cards fill their table up to Length with zeros, and hand these out as an entry.
base::Result<void> TableAccessOperation::take_padding(std::span<const std::uint8_t> entry) {
    const std::size_t kept = std::min(entry.size(), missing_bytes());
    if (kept == 0) {
        return broken("an entry of zeros after the " + std::to_string(length_bytes_) +
                      " bytes that the header says");
    }
    note_oversize(entry.size(), kept);
    current_.bytes.insert(current_.bytes.end(), kept, 0);
    return {};
}

doe::Operation::Step TableAccessOperation::end_chain() {
    const bool sound = missing_bytes() == 0 && adds_up(current_.bytes);
    const bool has_entries = current_.bytes.size() > table_header_size_bytes;
    if (sound && has_entries && sequence_of(current_.bytes) != 0) {
        confirming_ = true;
        ask(header_handle);
        return Step::send;
    }
    return end_attempt(sound);
}

/// The header that was asked for once more: the sum of old and new entries may happen to be right.
base::Result<doe::Operation::Step> TableAccessOperation::confirm(
    std::span<const std::uint32_t> payload) {
    if (const auto taken = next_handle_of(payload); !taken) {
        return end_broken(taken.error());
    }
    const auto header = to_bytes(payload.subspan(1));
    if (header.size() != table_header_size_bytes) {
        return end_broken(header_size_error(header.size()).error());
    }
    const bool same = std::ranges::equal(
        header, std::span<const std::uint8_t>(current_.bytes).first(table_header_size_bytes));
    if (!same) {
        between_attempts_.add({ProblemKind::changed_while_reading, Severity::warning,
                               sequence_offset_bytes,
                               "the table changed while it was read (sequence " +
                                   std::to_string(sequence_of(current_.bytes)) + ", then " +
                                   std::to_string(sequence_of(header)) + ")"});
    }
    return end_attempt(same);
}

doe::Operation::Step TableAccessOperation::end_attempt(bool sound) {
    const bool again = complete_ && complete_->bytes == current_.bytes;
    if (complete_ && !again) {
        note_change(*complete_, current_);
    }
    complete_ = std::move(current_);
    if (sound) {
        between_attempts_ = {};
        return finish();
    }
    // What a device says twice it means.
    if (again || attempts_ == max_attempts) {
        return finish();
    }
    begin_attempt();
    return Step::send;
}

base::Result<doe::Operation::Step> TableAccessOperation::end_broken(const base::Error& error) {
    between_attempts_.add({ProblemKind::attempt_broken, Severity::warning,
                           static_cast<std::uint32_t>(current_.bytes.size()),
                           "an attempt to read the table broke off: " + error.context()});
    if (attempts_ < max_attempts) {
        begin_attempt();
        return Step::send;
    }
    if (complete_) {
        return finish();
    }
    return base::fail(error.code(),
                      error.context() + " (the last of " + std::to_string(attempts_) + " attempts)",
                      error.where());
}

doe::Operation::Step TableAccessOperation::finish() {
    complete_->problems.append(between_attempts_);
    table_ = Table::parse(std::move(complete_->bytes), complete_->problems);
    complete_.reset();
    return Step::finished;
}

void TableAccessOperation::note_oversize(std::size_t sent_bytes, std::size_t kept_bytes) {
    if (sent_bytes - kept_bytes > max_dword_padding_bytes) {
        current_.problems.add({ProblemKind::entry_oversize, Severity::warning,
                               static_cast<std::uint32_t>(current_.bytes.size()),
                               "the device sent " + std::to_string(sent_bytes) +
                                   " bytes of an entry that has " + std::to_string(kept_bytes) +
                                   "; the rest was dropped"});
    }
}

void TableAccessOperation::note_change(const Reading& before, const Reading& after) {
    const auto [differs, end] = std::ranges::mismatch(before.bytes, after.bytes);
    const std::uint32_t old_sequence = sequence_of(before.bytes);
    const std::uint32_t new_sequence = sequence_of(after.bytes);
    between_attempts_.add({ProblemKind::changed_while_reading, Severity::warning,
                           static_cast<std::uint32_t>(differs - before.bytes.begin()),
                           "the table changed from here on while it was read (sequence " +
                               std::to_string(old_sequence) + ", then " +
                               std::to_string(new_sequence) + ")"});
}

std::unexpected<base::Error> TableAccessOperation::header_size_error(std::size_t size_bytes) const {
    return broken("a table header of " + std::to_string(size_bytes) + " bytes, not 16");
}

std::unexpected<base::Error> TableAccessOperation::broken(const std::string& what,
                                                          std::source_location where) const {
    return base::fail(base::Errc::malformed, "CDAT entry " + hex(handle_, 4) + ": " + what, where);
}

}  // namespace doed::cdat
