// SPDX-License-Identifier: Apache-2.0
//
// Everything that passes between one mailbox and its device, from its claim until it is given up: every access is recorded
// and judged. WatchedConfigSpace is the config space that the mailbox gets; the wire outlives it.
#pragma once

#include "doe/operation.hpp"
#include "pci/config_space.hpp"
#include "sim/judge.hpp"
#include "sim/register_rules.hpp"
#include "sim/sim_device.hpp"
#include "sim/turns.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace doed::sim {

class Wire {
public:
    Wire(Port& port, const test::SimStrands& strands, Judge& judge, const doe::AllowList& allowed);

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset);
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value);
    [[nodiscard]] base::Result<void> confirm_claim();
    void begin_use();
    void end_use();

    [[nodiscard]] bool may_tidy_up() const noexcept { return may_tidy_up_; }

    /// The kernel takes the device. The mailbox hears of it when it asks: then it may abort what it has begun, if the kernel
    /// cannot have arrived or the mailbox shows an error, and that is all.
    void take(bool may_tidy_up) noexcept {
        taken_ = true;
        may_tidy_up_ = may_tidy_up;
    }
    /// The kernel lets the device go again, unless the mailbox has heard of it.
    void give_back() noexcept { taken_ = told_taken_.has_value(); }
    [[nodiscard]] bool told_taken() const noexcept { return told_taken_.has_value(); }

    /// An operation was begun: until the next one, all requests are its own.
    void operation_begins(const doe::Operation& operation);
    /// An operation is given a response: it must be that of its own request. Returns whether the response is known to be
    /// what the device made.
    bool operation_consumes(const doe::Operation& operation,
                            std::span<const std::uint32_t> payload);
    /// The operation wants another exchange.
    void operation_goes_on() noexcept { turns_.goes_on(); }

    /// The mailbox says where it stands.
    void mailbox_rests();
    void mailbox_ends();
    /// From now on nothing is accessed.
    void close() noexcept { closed_ = true; }

    [[nodiscard]] RegisterRules& rules() noexcept { return rules_; }
    [[nodiscard]] const RegisterRules& rules() const noexcept { return rules_; }
    [[nodiscard]] Turns& turns() noexcept { return turns_; }
    [[nodiscard]] base::TimePoint now() const noexcept { return strands_.now(); }
    /// When an access began last.
    [[nodiscard]] const Instant& last_access() const noexcept { return last_access_; }
    [[nodiscard]] bool last_access_failed() const noexcept { return last_access_failed_; }
    [[nodiscard]] std::uint64_t accesses() const noexcept { return reads_ + writes_; }
    [[nodiscard]] std::uint64_t reads() const noexcept { return reads_; }
    [[nodiscard]] std::uint64_t writes() const noexcept { return writes_; }

private:
    [[nodiscard]] Instant instant() const noexcept {
        return {.now = strands_.now(), .held_up = strands_.held_up()};
    }
    void judge(const std::optional<Breach>& breach);
    void judge_access(std::uint16_t offset, bool write, std::uint32_t value);
    void judge_taken(std::uint16_t offset, bool write, std::uint32_t value, bool disarms);
    void note(const char* what, std::uint16_t offset, std::uint32_t value);
    [[nodiscard]] bool answered_truly(std::span<const std::uint32_t> payload);

    Port& port_;
    const test::SimStrands& strands_;
    Judge& judge_;
    RegisterRules rules_;
    Turns turns_;
    Instant last_access_;
    bool last_access_failed_ = false;
    bool in_use_ = false;
    bool closed_ = false;
    bool taken_ = false;
    std::optional<Instant> told_taken_;
    bool may_tidy_up_ = true;
    bool may_look_ = false;   ///< once, after it was told
    bool may_abort_ = false;  ///< once, after it was told
    std::uint64_t reads_ = 0;
    std::uint64_t writes_ = 0;

    const doe::Operation* operation_ = nullptr;  ///< compared, never used
    std::vector<std::uint32_t> request_;         ///< of the exchange, header included
    std::vector<std::uint32_t> response_;        ///< the same
    std::uint64_t answer_ = 0;                   ///< the device's number for that to the last GO
    std::uint64_t taints_before_look_ = 0;       ///< at Status, the last
    std::uint64_t taints_ = 0;                   ///< before the look that led to the request
};

class WatchedConfigSpace final : public pci::ConfigSpace {
public:
    explicit WatchedConfigSpace(std::shared_ptr<Wire> wire) noexcept : wire_(std::move(wire)) {}

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        return wire_->read32(offset);
    }
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        return wire_->write32(offset, value);
    }
    [[nodiscard]] base::Result<void> confirm_claim() override { return wire_->confirm_claim(); }
    [[nodiscard]] bool may_tidy_up() override { return wire_->may_tidy_up(); }
    void begin_use() override { wire_->begin_use(); }
    void end_use() override { wire_->end_use(); }

private:
    std::shared_ptr<Wire> wire_;
};

}  // namespace doed::sim
