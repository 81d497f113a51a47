// SPDX-License-Identifier: Apache-2.0
//
// How much later than the device's own response time a requester has the response, what it looks at the device for that, and
// what processor time it takes; for each policy, device and number of devices, a line of JSON.
#include "bench/arguments.hpp"
#include "bench/policies.hpp"
#include "cdat/table_builder.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>
#include <string>

namespace doed::bench {
namespace {

using namespace std::chrono_literals;

struct Shape {
    const char* name;
    emulator::ResponseTimeRange (*around)(base::Duration);
};

constexpr Shape fixed{
    "fixed", [](base::Duration t) { return emulator::ResponseTimeRange{.min = t, .max = t}; }};
constexpr Shape jittered{"jittered", [](base::Duration t) {
                             return emulator::ResponseTimeRange{.min = t * 3 / 4, .max = t * 5 / 4};
                         }};
constexpr Shape bimodal{"bimodal", [](base::Duration t) {
                            return emulator::ResponseTimeRange{
                                .min = t / 4, .max = t, .nothing_between = true};
                        }};

constexpr base::Duration checked_times[] = {50us, 200us, 1ms, 5ms, 20ms, 100ms};
constexpr base::Duration further_times[] = {100us, 500us, 2ms, 10ms, 50ms};
/// No multiples of 4 ms, the times of Linux' looks.
constexpr base::Duration uneven_times[] = {3ms, 18ms, 93ms};

/// Long enough to be learned, then enough for a median.
constexpr std::size_t exchanges_before = 20;
constexpr std::size_t exchanges_max = 400;

Devices make_devices(std::size_t count, emulator::ResponseTimeRange response_time) {
    const auto table = cdat::default_endpoint_table(256U << 20);
    Devices devices;
    devices.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        devices.push_back(std::make_shared<MeasuredDevice>(table, response_time, i + 1));
    }
    return devices;
}

Run run_on(PolicyKind kind, std::size_t count, emulator::ResponseTimeRange response_time,
           base::Duration time) {
    const auto policy = make_policy(kind, make_devices(count, response_time));
    [[maybe_unused]] const Run before =
        policy->exchange({.exchanges_max = exchanges_before, .time_max = time});
    return policy->exchange({.exchanges_max = exchanges_max, .time_max = time});
}

/// What an exchange takes of the processors.
struct Use {
    double cpu_us = 0;
    double switches = 0;

    explicit Use(const Run& run)
        : cpu_us(microseconds(run.cpu) / static_cast<double>(run.counts.exchanges)),
          switches(static_cast<double>(run.switches) / static_cast<double>(run.counts.exchanges)) {}
};

/// Of an exchange with a device that answers at once: what waiting does not cost.
Use without_waiting(PolicyKind kind, std::size_t count) {
    return Use(run_on(kind, count, {}, 300ms));
}

void report(PolicyKind kind, std::size_t count, const Shape& shape, base::Duration time,
            const Run& run, const Use& idle) {
    const auto exchanges = static_cast<double>(run.counts.exchanges);
    const double looks = static_cast<double>(run.counts.looks) / exchanges;
    const Use use(run);
    print({{"bench", "lateness"},
           {"policy", name_of(kind)},
           {"mailboxes", count},
           {"shape", shape.name},
           {"response_us", microseconds(time)},
           {"exchanges", run.counts.exchanges},
           {"late_us", run.late_us.median()},
           {"late_us_p90", run.late_us.quantile(0.9)},
           {"late_us_p99", run.late_us.quantile(0.99)},
           {"in_budget", static_cast<double>(run.in_budget) / exchanges},
           {"looks", looks},
           {"accesses", static_cast<double>(run.counts.accesses) / exchanges},
           {"cpu_us", use.cpu_us},
           {"switches", use.switches},
           // Beside those of an exchange without waiting.
           {"switches_per_look", std::max(0.0, use.switches - idle.switches) / looks},
           // Of one core, for each device, while it makes its response.
           {"cpu_waiting", std::max(0.0, use.cpu_us - idle.cpu_us) / run.own_us.mean()}});
}

void measure(std::size_t count, std::span<const Shape> shapes,
             std::span<const base::Duration> times, base::Duration time_each) {
    for (const PolicyKind kind : all_policies) {
        if (kind == PolicyKind::limit_asleep && count > 1) {
            continue;  // as the limit is then
        }
        const Use idle = without_waiting(kind, count);
        for (const auto& shape : shapes) {
            for (const auto time : times) {
                // Twenty exchanges at least, of the slowest devices.
                const Run run =
                    run_on(kind, count, shape.around(time), std::max(time_each, time * 20));
                report(kind, count, shape, time, run, idle);
            }
        }
    }
}

/// doed alone, one mailbox.
void measure_one(base::Duration time, base::Duration time_each) {
    const Use idle = without_waiting(PolicyKind::doed, 1);
    const Run run = run_on(PolicyKind::doed, 1, fixed.around(time), time_each);
    report(PolicyKind::doed, 1, fixed, time, run, idle);
}

void measure_all(base::Duration time_each) {
    constexpr Shape shapes[] = {fixed, jittered, bimodal};
    measure(1, shapes, checked_times, time_each);
    measure(1, std::span(shapes).first(1), uneven_times, time_each);
    measure(1, std::span(shapes).subspan(1, 1), further_times, time_each);
    measure(64, shapes, checked_times, time_each);
}

}  // namespace
}  // namespace doed::bench

// usage: bench-lateness [MILLISECONDS for each figure [RESPONSE_US]]
// With a response time: doed alone, one mailbox, a fixed time; for perf and strace.
int main(int argc, char** argv) {
    using namespace doed::bench;
    try {
        const std::chrono::milliseconds each(argc > 1 ? number("MILLISECONDS", argv[1], 1, 600'000)
                                                      : 400);
        if (argc > 2) {
            measure_one(std::chrono::microseconds(number("RESPONSE_US", argv[2], 0, 999'999)),
                        each);
        } else {
            measure_all(each);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench-lateness: %s\n", error.what());
        return 1;
    }
    return 0;
}
