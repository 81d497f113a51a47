// SPDX-License-Identifier: Apache-2.0
//
// A ConfigSpace that counts the dword accesses that pass through it, on their way to another one.
#pragma once

#include "pci/config_space.hpp"

#include <cstdint>
#include <memory>
#include <utility>

namespace doed::pci {

class CountingConfigSpace final : public ConfigSpace {
public:
    explicit CountingConfigSpace(std::unique_ptr<ConfigSpace> inner) noexcept
        : inner_(std::move(inner)) {}

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        ++reads_;
        return inner_->read32(offset);
    }
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        ++writes_;
        return inner_->write32(offset, value);
    }

    [[nodiscard]] base::Result<void> confirm_claim() override { return inner_->confirm_claim(); }
    [[nodiscard]] bool may_tidy_up() override { return inner_->may_tidy_up(); }
    void begin_use() override { inner_->begin_use(); }
    void end_use() override { inner_->end_use(); }

    /// Lets the other one go; nothing but the counts is asked for after it.
    void close() noexcept { inner_.reset(); }

    [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }
    [[nodiscard]] std::uint64_t writes() const noexcept { return writes_; }

private:
    std::unique_ptr<ConfigSpace> inner_;
    std::uint64_t reads_ = 0;
    std::uint64_t writes_ = 0;
};

}  // namespace doed::pci
