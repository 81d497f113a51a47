// SPDX-License-Identifier: Apache-2.0
//
// What the engine itself costs: tables and one long response, read from a device that answers at once, on a virtual clock, so
// that nothing waits; beside the same accesses by a bare loop. Google Benchmark: --benchmark_filter and the rest are its options.
#include "bench/made_table.hpp"
#include "bench/measured_device.hpp"
#include "bench/references.hpp"
#include "cdat/table_access.hpp"
#include "cdat/table_builder.hpp"
#include "doe/mailbox.hpp"
#include "support/sim_scheduler.hpp"

#include <benchmark/benchmark.h>

namespace doed::bench {
namespace {

/// The one QEMU makes up, or one of `size_bytes`.
std::vector<std::uint8_t> table_of(std::size_t size_bytes) {
    return size_bytes == 160 ? cdat::default_endpoint_table(256U << 20) : make_table(size_bytes);
}

std::shared_ptr<MeasuredDevice> make_device(const benchmark::State& state) {
    return std::make_shared<MeasuredDevice>(table_of(static_cast<std::size_t>(state.range(0))),
                                            emulator::ResponseTimeRange{}, 1);
}

void count_accesses(benchmark::State& state, const MeasuredDevice& device, std::uint64_t before) {
    const auto accesses = static_cast<double>(device.counts().accesses - before);
    state.counters["accesses"] = accesses / static_cast<double>(state.iterations());
    state.counters["per_access"] =
        benchmark::Counter(accesses, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void read_by_mailbox(benchmark::State& state) {
    const auto device = make_device(state);
    test::SimScheduler scheduler;
    doe::Mailbox mailbox(scheduler, std::make_unique<MeasuredConfigSpace>(device), {.bus = 1},
                         {MeasuredDevice::capability_offset, 1}, {}, {},
                         [](const doe::MailboxStatus&) {});
    mailbox.start();
    scheduler.run_until([&] { return mailbox.status().state == doe::MailboxState::idle; });
    const auto before = device->counts().accesses;
    for ([[maybe_unused]] auto _ : state) {
        bool done = false;
        mailbox.submit({.operation = std::make_shared<cdat::TableAccessOperation>(),
                        .deadline = scheduler.now() + std::chrono::hours(1),
                        .completion = [&](const auto& result) { done = result.has_value(); }});
        if (!scheduler.run_until([&] { return done; })) {
            state.SkipWithError("the table could not be read");
            return;
        }
    }
    count_accesses(state, *device, before);
}
BENCHMARK(read_by_mailbox)->Arg(160)->Arg(1 << 20);

void read_by_bare_loop(benchmark::State& state) {
    const auto device = make_device(state);
    MeasuredConfigSpace config(device);
    const Port port{config, MeasuredDevice::capability_offset};
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(read_table(
            [&](std::span<const std::uint32_t> request) {
                return bare_exchange(port, request, [] {});
            },
            false));
    }
    count_accesses(state, *device, 0);
}
BENCHMARK(read_by_bare_loop)->Arg(160)->Arg(1 << 20);

}  // namespace
}  // namespace doed::bench

BENCHMARK_MAIN();
