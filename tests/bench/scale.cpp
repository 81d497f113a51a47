// SPDX-License-Identifier: Apache-2.0
//
// Whole tables of 1, 64 and 1024 mailboxes at once, each response after 20 ms, by doed's engine. What the processors allow is
// told beside: the processor time of the run over the number of processors.
#include "bench/policies.hpp"
#include "cdat/table_builder.hpp"

#include <thread>

namespace doed::bench {
namespace {

using namespace std::chrono_literals;

void measure(std::size_t count) {
    const auto table = cdat::default_endpoint_table(256U << 20);
    Devices devices;
    devices.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        devices.push_back(std::make_shared<MeasuredDevice>(
            table, emulator::ResponseTimeRange{.min = 20ms, .max = 20ms}, i + 1));
    }
    const auto policy = make_policy(PolicyKind::doed, std::move(devices));
    Samples wall_us;
    Samples cpu_us;
    constexpr int rounds = 5;
    for (int round = 0; round < rounds; ++round) {
        const Run run = policy->read_tables();
        wall_us.add(microseconds(run.wall));
        cpu_us.add(microseconds(run.cpu));
    }
    print({{"bench", "scale"},
           {"mailboxes", count},
           {"wall_us", wall_us.median()},
           {"cpu_us", cpu_us.median()},
           {"processors", std::thread::hardware_concurrency()}});
}

}  // namespace
}  // namespace doed::bench

int main() {
    for (const std::size_t count : {1U, 64U, 1024U}) {
        doed::bench::measure(count);
    }
    return 0;
}
