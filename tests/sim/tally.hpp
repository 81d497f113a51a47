// SPDX-License-Identifier: Apache-2.0
//
// What a run did, in numbers.
#pragma once

#include "base/error.hpp"
#include "base/scheduler.hpp"
#include "emulator/faults/fault_script.hpp"
#include "sim/plan.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace doed::sim {

struct Tally {
    static constexpr std::size_t outcomes_max = 32;  ///< of base::Errc

    std::uint64_t schedules = 0;
    std::uint64_t calm = 0;
    std::uint64_t violations = 0;
    std::uint64_t mailboxes = 0;  ///< lives of doe::Mailbox
    std::uint64_t accesses = 0;   ///< dwords of config space
    std::uint64_t tasks = 0;
    std::uint64_t exchanges = 0;  ///< that ended with a whole response
    std::uint64_t aborts = 0;
    std::uint64_t submissions = 0;  ///< accepted or refused by a mailbox
    std::uint64_t succeeded = 0;
    std::uint64_t resets = 0;
    std::uint64_t closes = 0;
    std::uint64_t takings = 0;
    base::Duration time{};         ///< virtual
    emulator::FaultCounts faults;  ///< by the devices' scripts
    std::array<std::uint64_t, interference_count> interferences{};
    std::array<std::uint64_t, outcomes_max> failed{};  ///< submissions, by the code of their error

    void add(Interference kind) noexcept { ++interferences[static_cast<std::size_t>(kind)]; }
    void add_failure(base::Errc code) noexcept { ++failed[static_cast<std::size_t>(code)]; }

    Tally& operator+=(const Tally& other) noexcept;

    /// Several lines for people.
    [[nodiscard]] std::string report() const;
};

}  // namespace doed::sim
