// SPDX-License-Identifier: Apache-2.0
//
// A response that a DOE instance is making or giving out.
#pragma once

#include "base/scheduler.hpp"
#include "emulator/faults/fault_injector.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace doed::emulator {

/// What goes wrong when part of a response has been read.
struct ReadFault {
    Fault fault;
    std::size_t after_dw = 0;  ///< dwords read when it strikes, fewer than there are
};

struct Response {
    /// Due at a time that does not come.
    static constexpr base::TimePoint never = base::TimePoint::max();

    std::vector<std::uint32_t> object;  ///< header included; never empty
    base::TimePoint due_at{};
    std::optional<Fault> failure{};  ///< when it is due: Error instead of Ready
    bool ready = false;
    std::size_t dwords_read = 0;
    std::optional<ReadFault> read_fault{};
};

}  // namespace doed::emulator
