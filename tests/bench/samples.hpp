// SPDX-License-Identifier: Apache-2.0
//
// Measured values and what is said of many of them; the lines of JSON that tests/bench/report reads.
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <vector>

namespace doed::bench {

/// Values of one kind. Those of another thread are added afterwards.
class Samples {
public:
    void add(double value) { values_.push_back(value); }
    void add(const Samples& others) {
        values_.insert(values_.end(), others.values_.begin(), others.values_.end());
    }

    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
    [[nodiscard]] double mean() const;
    /// The smallest value that at least `share`, 0..1, of all are not above. There is one.
    [[nodiscard]] double quantile(double share) const;
    [[nodiscard]] double median() const { return quantile(0.5); }

private:
    std::vector<double> values_;
};

/// Processor time of this process, of all its threads.
[[nodiscard]] std::chrono::nanoseconds process_cpu_time();

[[nodiscard]] inline double microseconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

/// One line on standard output; `about` has the key "bench".
void print(const nlohmann::json& about);

}  // namespace doed::bench
