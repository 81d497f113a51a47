// SPDX-License-Identifier: Apache-2.0
//
// Bounds-checked little-endian reading of a byte string. A read past the end makes the cursor bad and yields zero;
// the caller checks ok() once, after a group of reads.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace doed::base {

class ByteReader {
public:
    explicit ByteReader(std::span<const std::uint8_t> bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::size_t remaining() const noexcept {
        return ok_ ? bytes_.size() - offset_ : 0;
    }

    /// The next sizeof(T) bytes as an unsigned little-endian number.
    template <std::unsigned_integral T>
    T read() noexcept {
        const auto part = take(sizeof(T));
        T value = 0;
        for (std::size_t i = 0; i < part.size(); ++i) {
            value = static_cast<T>(value | static_cast<T>(static_cast<T>(part[i]) << (8 * i)));
        }
        return value;
    }

    /// The next `count` bytes, or nothing (and a bad cursor) when fewer are left.
    std::span<const std::uint8_t> take(std::size_t count) noexcept {
        if (!ok_ || count > bytes_.size() - offset_) {
            ok_ = false;
            return {};
        }
        const auto part = bytes_.subspan(offset_, count);
        offset_ += count;
        return part;
    }

    void skip(std::size_t count) noexcept { static_cast<void>(take(count)); }

private:
    std::span<const std::uint8_t> bytes_;
    std::size_t offset_ = 0;
    bool ok_ = true;
};

/// Appends little-endian numbers to a byte string.
class ByteWriter {
public:
    template <std::unsigned_integral T>
    ByteWriter& write(T value) {
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        }
        return *this;
    }

    ByteWriter& append(std::span<const std::uint8_t> bytes) {
        // GCC 14 sees an insertion write out of bounds.
        const auto end = bytes_.size();
        bytes_.resize(end + bytes.size());
        std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(end));
        return *this;
    }

    [[nodiscard]] const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::vector<std::uint8_t> take() noexcept { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

}  // namespace doed::base
