// SPDX-License-Identifier: Apache-2.0
//
// Keeps the first breach of a schedule, with what is needed to see it again, and writes the schedule's history down when
// somebody wants to read it.
#pragma once

#include "support/sim_strands.hpp"

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace doed::sim {

class Judge {
public:
    /// `history` is where the history goes; null for none.
    Judge(std::uint64_t seed, const test::SimStrands& strands, std::FILE* history) noexcept
        : seed_(seed), strands_(strands), history_(history) {}

    /// Somebody (`who`: a mailbox, a client) broke a rule.
    void breach(std::string_view rule, const std::string& who, std::string_view what);
    [[nodiscard]] bool breached() const noexcept { return !line_.empty(); }
    /// The first breach, one line: seed, time, rule, what happened, how to see it again.
    [[nodiscard]] const std::string& line() const noexcept { return line_; }

    /// Whether notes are wanted: they cost more than what they tell of.
    [[nodiscard]] bool listens() const noexcept { return history_ != nullptr; }
    /// A line of the history, with the time before it.
    [[gnu::format(printf, 2, 3)]] void note(const char* format, ...);

private:
    std::uint64_t seed_;
    const test::SimStrands& strands_;
    std::FILE* history_;
    std::string line_;
};

/// "12.345678901 s", since the clock of a schedule began.
[[nodiscard]] std::string virtual_time(const test::SimStrands& strands);

}  // namespace doed::sim
