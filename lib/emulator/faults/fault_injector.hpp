// SPDX-License-Identifier: Apache-2.0
//
// Carries out the fault script of one mailbox: knows how many exchanges, aborts and accesses there were, says whether a
// kind strikes now, and counts. What a strike does is up to the one who asks: the DOE instance, its interrupt source, the
// table access responder and the device share one injector. Serialized by the device, like everything in it; no injector
// at all stands for a mailbox without faults.
#pragma once

#include "emulator/faults/fault_script.hpp"

#include <array>
#include <functional>
#include <random>

namespace doed::emulator {

/// A rule that strikes. `time` is there when the kind requires it.
struct Fault {
    FaultKind kind{};
    std::optional<base::Duration> time;
    std::optional<std::uint32_t> dwords;
    std::size_t rule = 0;  ///< index in the script
};

class FaultInjector {
public:
    /// The rules are sound: they have the parameters that their kinds require and no others, and count from now.
    FaultInjector(const FaultScript& script, std::function<base::TimePoint()> now);

    /// The exchange that is under way, or the next one.
    void end_exchange() noexcept { ++number_of(FaultOccasion::exchange); }
    void begin_abort() noexcept { ++number_of(FaultOccasion::abort); }
    void begin_access() noexcept { ++number_of(FaultOccasion::access); }

    /// What the script wants of a kind at the present occasion; the strike is counted.
    [[nodiscard]] std::optional<Fault> strike(FaultKind kind);
    /// The same without counting, for a fault that comes later in the exchange, if it comes to that: then happened().
    [[nodiscard]] std::optional<Fault> plan(FaultKind kind);
    void happened(const Fault& fault) noexcept;

    /// The `dwords` of a fault, or anything from `lowest` to `highest` where the rule leaves it open.
    [[nodiscard]] std::uint32_t dwords_of(const Fault& fault, std::uint32_t lowest,
                                          std::uint32_t highest);

    [[nodiscard]] const FaultCounts& counts() const noexcept { return counts_; }

private:
    struct Rule {
        FaultRule rule;
        std::mt19937_64 generator;
        std::uint64_t strikes = 0;
    };

    [[nodiscard]] std::uint64_t& number_of(FaultOccasion occasion) noexcept {
        return numbers_[static_cast<std::size_t>(occasion)];
    }
    [[nodiscard]] bool wants(Rule& rule, std::uint64_t number, base::Duration age);

    std::vector<Rule> rules_;
    std::function<base::TimePoint()> now_;
    base::TimePoint made_at_;
    std::array<std::uint64_t, 3> numbers_{1, 0, 0};  ///< by FaultOccasion
    FaultCounts counts_;
};

}  // namespace doed::emulator
