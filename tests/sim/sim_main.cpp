// SPDX-License-Identifier: Apache-2.0
//
// Runs seeded schedules of the simulation. Each rule that is broken is one line, with the command that shows how it came to
// that; the end is what was run, in numbers. Exit code 1 when a rule was broken.
#include "sim/tally.hpp"
#include "sim/world.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

using doed::sim::Tally;
using doed::sim::World;

constexpr std::uint64_t default_seeds = 20'000;
// Enough to see whether all are the same.
constexpr std::uint64_t breaches_shown = 20;
// Schedules that a job takes at a time.
constexpr std::uint64_t portion = 64;

struct Options {
    std::uint64_t from = 1;
    std::uint64_t seeds = default_seeds;
    std::uint64_t jobs = 1;
    bool verbose = false;
};

// For the handler of SIGABRT, in which a broken assertion of the code under test ends.
thread_local volatile std::uint64_t seed_under_way = 0;

void on_abort(int) {
    char line[160];
    const auto seed = static_cast<unsigned long long>(seed_under_way);
    const int length = std::snprintf(line, sizeof(line),
                                     "seed %llu: assertion: the program was aborted; replay: "
                                     "tests/sim/sim --seed %llu --verbose\n",
                                     seed, seed);
    static_cast<void>(!write(STDOUT_FILENO, line, static_cast<std::size_t>(length)));
}

std::optional<std::uint64_t> number(const char* text) {
    std::uint64_t value = 0;
    const char* end = text + std::strlen(text);
    const auto [rest, error] = std::from_chars(text, end, value);
    return error == std::errc{} && rest == end ? std::optional(value) : std::nullopt;
}

// A sanitizer slows everything down by about as much as Meson's time limits are stretched then.
std::uint64_t seeds_in_the_time() {
    const char* factor = std::getenv("DOED_TIMEOUT_FACTOR");
    const auto value = factor != nullptr ? number(factor) : std::nullopt;
    return default_seeds / std::clamp<std::uint64_t>(value.value_or(1), 1, 100);
}

std::optional<Options> parse(int argc, char** argv) {
    Options options{.seeds = seeds_in_the_time()};
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
        } else if (word == "--jobs") {
            options.jobs = std::clamp<std::uint64_t>(*value, 1, 256);
        } else {
            return std::nullopt;
        }
    }
    options.jobs = options.verbose ? 1 : options.jobs;
    return options;
}

/// The schedules of a run, on several threads. Each schedule is one thread's alone.
class Run {
public:
    explicit Run(const Options& options) : options_(options) {}

    [[nodiscard]] const Tally& go() {
        std::vector<std::jthread> others;
        for (std::uint64_t i = 1; i < options_.jobs; ++i) {
            others.emplace_back([this] { work(); });
        }
        work();
        others.clear();
        return total_;
    }

private:
    void work() {
        Tally tally;
        for (std::uint64_t first = next_.fetch_add(portion); first < options_.seeds;
             first = next_.fetch_add(portion)) {
            const std::uint64_t end = std::min(first + portion, options_.seeds);
            for (std::uint64_t i = first; i < end; ++i) {
                run_one(options_.from + i, tally);
            }
        }
        const std::scoped_lock lock(mutex_);
        total_ += tally;
    }

    void run_one(std::uint64_t seed, Tally& tally) {
        seed_under_way = seed;
        World world(seed, options_.verbose ? stdout : nullptr, tally);
        if (!world.run() && ++breaches_ <= breaches_shown) {
            const std::scoped_lock lock(mutex_);
            std::printf("%s\n", world.breach().c_str());
            std::fflush(stdout);
        }
    }

    Options options_;
    std::atomic<std::uint64_t> next_ = 0;
    std::atomic<std::uint64_t> breaches_ = 0;
    std::mutex mutex_;
    Tally total_;
};

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse(argc, argv);
    if (!options) {
        std::fputs(
            "usage: sim [--seeds N] [--from SEED] [--jobs N]\n"
            "       sim --seed SEED [--verbose]\n"
            "Runs N schedules (20000, fewer under a sanitizer), whose seeds count from SEED (1) "
            "on; or one, with its\n"
            "history.\n",
            stderr);
        return 2;
    }
    static_cast<void>(std::signal(SIGABRT, on_abort));
    const auto start = std::chrono::steady_clock::now();
    Run run(*options);
    const Tally& tally = run.go();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    // Processors may be shared with others, and there may be several.
    const double worked = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    const auto schedules = static_cast<double>(options->seeds);
    std::printf(
        "%stook:        %.1f s, %.0f schedules/s; %.1f s of processor time, %.0f schedules/s\n",
        tally.report().c_str(), took.count(), schedules / took.count(), worked, schedules / worked);
    return tally.violations == 0 ? 0 : 1;
}
