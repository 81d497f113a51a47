// SPDX-License-Identifier: Apache-2.0
#include "bench/samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <numeric>

namespace doed::bench {

double Samples::mean() const {
    return std::accumulate(values_.begin(), values_.end(), 0.0) /
           static_cast<double>(std::max<std::size_t>(values_.size(), 1));
}

double Samples::quantile(double share) const {
    std::vector<double> sorted = values_;
    std::ranges::sort(sorted);
    const double rank = std::ceil(share * static_cast<double>(sorted.size()));
    const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    return sorted.at(std::min(index, sorted.size() - 1));
}

std::chrono::nanoseconds process_cpu_time() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void print(const nlohmann::json& about) {
    std::puts(about.dump().c_str());
    std::fflush(stdout);
}

}  // namespace doed::bench
