// SPDX-License-Identifier: Apache-2.0
//
// An operation of many exchanges that are all the same, and a device whose own memory is not counted: for what an exchange in
// the middle of an operation costs.
#pragma once

#include "doe/operation.hpp"
#include "pci/config_space.hpp"
#include "support/counted_allocations.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace doed::test {

/// The device's own memory is its own.
class UncountedConfigSpace final : public pci::ConfigSpace {
public:
    explicit UncountedConfigSpace(std::unique_ptr<pci::ConfigSpace> inner)
        : inner_(std::move(inner)) {}

    base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        const CountAllocations pause(false);
        return inner_->read32(offset);
    }
    base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        const CountAllocations pause(false);
        return inner_->write32(offset, value);
    }

private:
    std::unique_ptr<pci::ConfigSpace> inner_;
};

/// Asks for the header of the table, again and again.
class RepeatedHeader final : public doe::Operation {
public:
    static constexpr int exchanges = 150;  ///< unless told otherwise
    /// The buffers are as large as they will be, the flight recorder among them, which keeps 64 exchanges.
    static constexpr int warm = 70;

    /// `after_exchange` is told how many have ended, on the mailbox's strand; after the one that `is_last` there are no more.
    explicit RepeatedHeader(
        std::function<void(int)> after_exchange,
        std::function<bool(int)> is_last = [](int done) { return done == exchanges; })
        : after_exchange_(std::move(after_exchange)), is_last_(std::move(is_last)) {}

    [[nodiscard]] doe::Protocol protocol() const noexcept override {
        return doe::protocol_table_access;
    }
    [[nodiscard]] base::Result<Step> start() override { return Step::send; }
    [[nodiscard]] base::Result<Step> consume(std::span<const std::uint32_t>) override {
        after_exchange_(++done_);
        return is_last_(done_) ? Step::finished : Step::send;
    }
    [[nodiscard]] std::span<const std::uint32_t> request() const noexcept override {
        return request_;
    }

private:
    std::function<void(int)> after_exchange_;
    std::function<bool(int)> is_last_;
    std::array<std::uint32_t, 1> request_{};
    int done_ = 0;
};

}  // namespace doed::test
