// SPDX-License-Identifier: Apache-2.0
//
// A function's config space as a test wants it: the bytes, and a ConfigSpace over them that remembers what was read.
#pragma once

#include "base/byte_cursor.hpp"
#include "pci/config_space.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace doed::pci {

class ConfigImage {
public:
    /// A function that answers, with a capability list (Status bit 4) but nothing in it.
    ConfigImage() { set(0x00, 0x0D931DCD).set(0x04, 0x00100006); }

    static ConfigImage filled_with(std::uint32_t value) {
        ConfigImage image;
        image.dwords_.fill(value);
        return image;
    }

    ConfigImage& set(std::uint16_t offset, std::uint32_t value) {
        dwords_.at(offset / 4U) = value;
        return *this;
    }

    /// The Capabilities Pointer.
    ConfigImage& first_standard(std::uint8_t offset) { return set(0x34, offset); }

    ConfigImage& standard(std::uint8_t offset, std::uint8_t id, std::uint8_t next) {
        return set(offset, (std::uint32_t{next} << 8) | id);
    }

    ConfigImage& extended(std::uint16_t offset, std::uint16_t id, std::uint8_t version,
                          std::uint16_t next) {
        return set(offset, (std::uint32_t{next} << 20) | (std::uint32_t{version} << 16) | id);
    }

    [[nodiscard]] std::uint32_t at(std::uint16_t offset) const { return dwords_.at(offset / 4U); }

    /// The first `size_bytes` bytes, as a `config` file holds them.
    [[nodiscard]] std::vector<std::uint8_t> bytes(
        std::size_t size_bytes = config_space_size_bytes) const {
        base::ByteWriter writer;
        for (const std::uint32_t dword : dwords_) {
            writer.write(dword);
        }
        auto bytes = writer.take();
        bytes.resize(size_bytes);
        return bytes;
    }

private:
    std::array<std::uint32_t, config_space_size_bytes / 4> dwords_{};
};

class MemoryConfigSpace final : public ConfigSpace {
public:
    explicit MemoryConfigSpace(ConfigImage image) : image_(std::move(image)) {}

    /// Reads at `offset` fail with `code` from now on.
    void fail_at(std::uint16_t offset, base::Errc code) { failures_[offset] = code; }

    [[nodiscard]] const std::vector<std::uint16_t>& offsets_read() const { return offsets_read_; }

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        offsets_read_.push_back(offset);
        if (const auto failure = failures_.find(offset); failure != failures_.end()) {
            return base::fail(failure->second);
        }
        return image_.at(offset);
    }

    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        image_.set(offset, value);
        return {};
    }

private:
    ConfigImage image_;
    std::map<std::uint16_t, base::Errc> failures_;
    std::vector<std::uint16_t> offsets_read_;
};

}  // namespace doed::pci
