// SPDX-License-Identifier: Apache-2.0
//
// Keeps one function from runtime suspend while its mailboxes are used: writes "on" to its power/control and, when the
// last use ends, what was there before. A record of what was there outlives a crash, so that the next start puts it back.
#pragma once

#include "base/unique_fd.hpp"
#include "pci/address.hpp"
#include "pci/config_space.hpp"
#include "pci/opener.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace doed::pci {

/// Thread safe: shared by the mailboxes of one function.
class PowerPin {
public:
    /// `record_folder` exists, or no record is kept. `opener` outlives the pin.
    PowerPin(Opener& opener, const Address& address, const std::filesystem::path& record_folder);
    PowerPin(const PowerPin&) = delete;
    PowerPin& operator=(const PowerPin&) = delete;
    ~PowerPin();

    /// The first hold pins, the last drop restores. A function without runtime power management, or one that is pinned
    /// already, is left alone.
    void hold();
    void drop();

    /// Puts back what the records in the folder tell of, and removes them. Returns what it did, a line each.
    [[nodiscard]] static std::vector<std::string> restore(
        Opener& opener, const std::filesystem::path& record_folder);

private:
    void pin();
    void unpin();

    Opener& opener_;
    Address address_;
    std::filesystem::path record_;
    std::mutex mutex_;
    bool opened_ = false;  ///< it was tried
    base::UniqueFd
        control_;  ///< of the function's power/control; none without runtime power management
    std::uint32_t holders_ = 0;
    std::string before_;  ///< what to put back; empty when nothing is
};

/// A ConfigSpace whose function is pinned while it is used.
class PinnedConfigSpace final : public ConfigSpace {
public:
    PinnedConfigSpace(std::unique_ptr<ConfigSpace> inner, std::shared_ptr<PowerPin> pin) noexcept
        : inner_(std::move(inner)), pin_(std::move(pin)) {}

    [[nodiscard]] base::Result<std::uint32_t> read32(std::uint16_t offset) override {
        return inner_->read32(offset);
    }
    [[nodiscard]] base::Result<void> write32(std::uint16_t offset, std::uint32_t value) override {
        return inner_->write32(offset, value);
    }
    [[nodiscard]] base::Result<void> confirm_claim() override { return inner_->confirm_claim(); }
    [[nodiscard]] bool may_tidy_up() override { return inner_->may_tidy_up(); }
    void begin_use() override { pin_->hold(); }
    void end_use() override { pin_->drop(); }

private:
    std::unique_ptr<ConfigSpace> inner_;
    std::shared_ptr<PowerPin> pin_;
};

}  // namespace doed::pci
