// SPDX-License-Identifier: Apache-2.0
#include "emulator/response_time.hpp"

#include "base/assert.hpp"

namespace doed::emulator {

ResponseTime::ResponseTime(const ResponseTimeRange& range, std::uint64_t seed)
    : range_(range), generator_(seed) {
    DOED_ASSERT(base::Duration::zero() <= range.min && range.min <= range.max);
}

base::Duration ResponseTime::next() {
    if (range_.nothing_between) {
        return generator_() % 2 == 0 ? range_.min : range_.max;
    }
    // Not std::uniform_int_distribution: what it yields for a seed differs between standard libraries. Modulo's bias is
    // below 2^-20 for ranges up to hours.
    const auto width = static_cast<std::uint64_t>((range_.max - range_.min).count()) + 1;
    return range_.min + base::Duration(static_cast<base::Duration::rep>(generator_() % width));
}

}  // namespace doed::emulator
