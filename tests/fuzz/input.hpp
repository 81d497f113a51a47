// SPDX-License-Identifier: Apache-2.0
//
// The fuzzer's bytes as the numbers and texts that a target asks for, from front to back; zeros when they are used up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace doed::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size_bytes) noexcept : rest_(data, size_bytes) {}

    [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

    [[nodiscard]] std::uint8_t byte() noexcept {
        if (rest_.empty()) {
            return 0;
        }
        const std::uint8_t value = rest_.front();
        rest_ = rest_.subspan(1);
        return value;
    }
    /// Little endian, as registers and tables are.
    [[nodiscard]] std::uint32_t dword() noexcept {
        std::uint32_t value = 0;
        for (unsigned shift = 0; shift < 32; shift += 8) {
            value |= std::uint32_t{byte()} << shift;
        }
        return value;
    }
    [[nodiscard]] std::uint64_t qword() noexcept {
        const std::uint64_t low = dword();
        return low | std::uint64_t{dword()} << 32;
    }
    /// As many as there are, `count` at most.
    [[nodiscard]] std::span<const std::uint8_t> bytes(std::size_t count) noexcept {
        const auto taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    /// A byte of length, then the text.
    [[nodiscard]] std::string text() {
        const auto taken = bytes(byte());
        return {taken.begin(), taken.end()};
    }
    [[nodiscard]] std::vector<std::uint8_t> rest() {
        const auto taken = bytes(rest_.size());
        return {taken.begin(), taken.end()};
    }
    /// Everything, as the text of a file; valid as long as the fuzzer's bytes.
    [[nodiscard]] std::string_view all_text() noexcept {
        const auto taken = bytes(rest_.size());
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are what a file's text is
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }

private:
    std::span<const std::uint8_t> rest_;
};

}  // namespace doed::fuzz
