// SPDX-License-Identifier: Apache-2.0
#include "doe/flight_recorder.hpp"

#include "base/assert.hpp"

#include <iterator>

namespace doed::doe {

void FlightRecorder::begin(TraceRecord record) noexcept {
    DOED_ASSERT(!under_way_);
    current_ = record;
    current_.sequence = next_sequence_++;
    under_way_ = true;
}

void FlightRecorder::end() {
    DOED_ASSERT(under_way_);
    under_way_ = false;
    current_.ended = true;
    if (ring_.size() < capacity) {
        ring_.push_back(current_);
        return;
    }
    ring_[oldest_] = current_;
    oldest_ = (oldest_ + 1) % capacity;
}

std::vector<TraceRecord> FlightRecorder::records() const {
    std::vector<TraceRecord> result;
    result.reserve(ring_.size() + 1);  // the caller may add the one under way
    const auto split = ring_.begin() + static_cast<std::ptrdiff_t>(oldest_);
    result.insert(result.end(), split, ring_.end());
    result.insert(result.end(), ring_.begin(), split);
    return result;
}

}  // namespace doed::doe
