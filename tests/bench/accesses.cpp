// SPDX-License-Identifier: Apache-2.0
//
// Config accesses of each policy for the table that QEMU makes up for a CXL memory device: 7 entries, 160 bytes. A count, the
// same on every machine and in every run. The device answers within the first look.
#include "bench/policies.hpp"
#include "cdat/table_builder.hpp"

int main() {
    using namespace doed;
    for (const auto kind : bench::all_policies) {
        const auto device = std::make_shared<bench::MeasuredDevice>(
            cdat::default_endpoint_table(256U << 20), emulator::ResponseTimeRange{}, 1);
        const auto policy = bench::make_policy(kind, {device});
        const auto run = policy->read_tables();
        bench::print({{"bench", "accesses"},
                      {"policy", bench::name_of(kind)},
                      {"exchanges", run.counts.exchanges},
                      {"accesses", run.counts.accesses}});
    }
    return 0;
}
