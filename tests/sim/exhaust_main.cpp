// SPDX-License-Identifier: Apache-2.0
//
// Walks the paths of doe::Exchange within stated bounds, and prints for each bound how many there are and what is the worst
// of them. Exit code 1 when one breaks a promise; it is printed then.
#include "sim/exhaust.hpp"

#include <chrono>
#include <cstdio>
#include <cstring>

namespace {

using doed::sim::any_number;
using doed::sim::Exhaust;
using doed::sim::ExhaustCount;
using doed::sim::ExhaustSetup;

struct Part {
    const char* name;
    ExhaustSetup setup;
    bool thorough;  ///< only when asked for
};

// Every part is walked with interrupts and without.
constexpr Part parts[] = {
    {"claim: everything", {.claim = true, .early_wakes = 1, .given_up = 1}, false},
    {"before GO 5 surprises, after GO none",
     {.surprises_before_go = 5, .surprises_after_go = 0, .early_wakes = 1},
     false},
    {"the same, status known",
     {.known_status = true, .surprises_before_go = 5, .surprises_after_go = 0, .early_wakes = 1},
     false},
    {"before GO none, after GO 5 surprises",
     {.surprises_before_go = 0, .surprises_after_go = 5, .early_wakes = 0},
     false},
    {"2 surprises before GO and 2 after, given up",
     {.surprises_before_go = 2, .surprises_after_go = 2, .early_wakes = 1, .given_up = 1},
     false},
    {"before GO nothing, after GO everything", {.surprises_before_go = 0, .early_wakes = 0}, true},
    {"before GO everything, after GO 1 surprise",
     {.surprises_after_go = 1, .early_wakes = 1},
     true},
    {"before GO everything, given up",
     {.surprises_after_go = 1, .early_wakes = 1, .given_up = 1},
     true},
    {"after GO everything, one early wake, given up",
     {.surprises_before_go = 0, .early_wakes = 1, .given_up = 1},
     true},
    {"3 surprises before GO and 3 after, given up",
     {.surprises_before_go = 3, .surprises_after_go = 3, .early_wakes = 1, .given_up = 1},
     true},
    {"1 surprise before GO, after GO everything",
     {.surprises_before_go = 1, .early_wakes = 0},
     true},
};

void print(const Part& part, bool interrupt, const ExhaustCount& count, double seconds) {
    std::printf(
        "%-46s %-9s %10llu paths %10llu steps: %9llu done %9llu failed %9llu dead %9llu gone; "
        "at most %u accesses, %.1f s; took %.1f s\n",
        part.name, interrupt ? "interrupt" : "poll", static_cast<unsigned long long>(count.paths),
        static_cast<unsigned long long>(count.steps), static_cast<unsigned long long>(count.done),
        static_cast<unsigned long long>(count.failed), static_cast<unsigned long long>(count.dead),
        static_cast<unsigned long long>(count.gone), count.accesses_max,
        std::chrono::duration<double>(count.time_max).count(), seconds);
}

bool walk(const Part& part, bool interrupt, unsigned long long& paths) {
    ExhaustSetup setup = part.setup;
    setup.interrupt = interrupt;
    Exhaust exhaust(setup);
    const auto start = std::chrono::steady_clock::now();
    const bool good = exhaust.run();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    print(part, interrupt, exhaust.count(), took.count());
    std::fflush(stdout);
    paths += exhaust.count().paths;
    if (!good) {
        std::fputs(exhaust.story().c_str(), stdout);
    }
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    const bool thorough = argc == 2 && std::strcmp(argv[1], "--thorough") == 0;
    if (argc > 1 && !thorough) {
        std::fputs("usage: exhaust [--thorough]\n", stderr);
        return 2;
    }
    unsigned long long paths = 0;
    for (const Part& part : parts) {
        if (part.thorough && !thorough) {
            continue;
        }
        for (const bool interrupt : {false, true}) {
            if (!walk(part, interrupt, paths)) {
                return 1;
            }
        }
    }
    std::printf("%llu paths\n", paths);
    return 0;
}
