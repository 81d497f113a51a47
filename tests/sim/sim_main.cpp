// SPDX-License-Identifier: Apache-2.0
//
// Runs seeded schedules of the simulation. Each rule that is broken is one line, with the command that shows how it came to
// that; the end is what was run, in numbers. Exit code 1 when a rule was broken.
#include "sim/tally.hpp"
#include "sim/world.hpp"

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include <unistd.h>

namespace {

using doed::sim::Tally;
using doed::sim::World;

constexpr std::uint64_t default_seeds = 20'000;
// Enough to see whether all are the same.
constexpr std::uint64_t breaches_shown = 20;

struct Options {
    std::uint64_t from = 1;
    std::uint64_t seeds = default_seeds;
    bool verbose = false;
};

// For the handler of SIGABRT, which a broken assertion in the code under test ends in.
volatile std::uint64_t seed_under_way = 0;

void on_abort(int) {
    char line[160];
    const int length = std::snprintf(line, sizeof(line),
                                     "seed %llu: assertion: the program was aborted; replay: "
                                     "tests/sim/sim --seed %llu --verbose\n",
                                     static_cast<unsigned long long>(seed_under_way),
                                     static_cast<unsigned long long>(seed_under_way));
    static_cast<void>(!write(STDOUT_FILENO, line, static_cast<std::size_t>(length)));
}

std::optional<std::uint64_t> number(const char* text) {
    std::uint64_t value = 0;
    const char* end = text + std::strlen(text);
    const auto [rest, error] = std::from_chars(text, end, value);
    return error == std::errc{} && rest == end ? std::optional(value) : std::nullopt;
}

std::optional<Options> parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--verbose") {
            options.verbose = true;
            continue;
        }
        const auto value = i + 1 < argc ? number(argv[++i]) : std::nullopt;
        if (!value) {
            return std::nullopt;
        }
        if (word == "--seed") {
            options.from = *value;
            options.seeds = 1;
        } else if (word == "--seeds") {
            options.seeds = *value;
        } else if (word == "--from") {
            options.from = *value;
        } else {
            return std::nullopt;
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse(argc, argv);
    if (!options) {
        std::fputs(
            "usage: sim [--seeds N] [--from SEED]   N schedules (20000), their seeds counting from "
            "SEED (1)\n"
            "       sim --seed SEED [--verbose]     one schedule, with its history\n",
            stderr);
        return 2;
    }
    static_cast<void>(std::signal(SIGABRT, on_abort));
    Tally tally;
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < options->seeds; ++i) {
        seed_under_way = options->from + i;
        World world(seed_under_way, options->verbose ? stdout : nullptr, tally);
        if (!world.run() && tally.violations <= breaches_shown) {
            std::printf("%s\n", world.breach().c_str());
            std::fflush(stdout);
        }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("%stook:        %.1f s, %.0f schedules/s\n", tally.report().c_str(), took.count(),
                static_cast<double>(options->seeds) / took.count());
    return tally.violations == 0 ? 0 : 1;
}
