// SPDX-License-Identifier: Apache-2.0
//
// Runs a target over the files of folders, so that the corpus is a regression test for any compiler; or over random inputs,
// some of which are made from those files. What was under way is printed when the target ends the program.
#include "fuzz/target.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace {

namespace fs = std::filesystem;

using Bytes = std::vector<std::uint8_t>;

std::string under_way;

void on_abort(int) {
    static_cast<void>(!write(STDOUT_FILENO, under_way.data(), under_way.size()));
}

std::vector<fs::path> files_of(const fs::path& place) {
    if (fs::is_regular_file(place)) {
        return {place};
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(place)) {
        if (entry.is_regular_file()) {
            files.push_back(entry.path());
        }
    }
    std::ranges::sort(files);
    return files;
}

Bytes read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The input of a seed, always the same for the same files.
class RandomInput {
public:
    RandomInput(std::uint64_t seed, const std::vector<Bytes>& files)
        : random_(seed), files_(files) {}

    Bytes make() {
        switch (files_.empty() ? below(2) : below(3)) {
            case 0: return any_bytes();
            case 1: return likely_bytes();
            default: return changed_file();
        }
    }

private:
    static constexpr std::size_t longest = 400;

    std::size_t below(std::size_t end) { return random_() % end; }
    std::uint8_t any_byte() { return static_cast<std::uint8_t>(random_()); }

    Bytes any_bytes() {
        Bytes bytes(below(longest + 1));
        std::ranges::generate(bytes, [this] { return any_byte(); });
        return bytes;
    }
    /// Types, lengths and limits are mostly small numbers, ends of ranges, or nothing.
    Bytes likely_bytes() {
        static constexpr std::uint8_t likely[] = {0, 0, 0,  0,  0,  1,    2,    3,   4,
                                                  5, 8, 12, 16, 24, 0x7F, 0x80, 0xFF};
        Bytes bytes(below(longest + 1));
        std::ranges::generate(bytes, [this] { return likely[below(std::size(likely))]; });
        return bytes;
    }
    Bytes changed_file() {
        Bytes bytes = files_[below(files_.size())];
        for (std::size_t changes = 1 + below(6); changes > 0; --changes) {
            change(bytes);
        }
        return bytes;
    }
    void change(Bytes& bytes) {
        const auto at = [&] {
            return bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size() + 1));
        };
        auto from = at();
        auto to = at();
        if (to < from) {
            std::swap(from, to);
        }
        switch (below(5)) {
            case 0: bytes.insert(from, any_byte()); break;
            case 1: bytes.erase(from, to); break;
            case 2: {
                const Bytes part(from, to);
                bytes.insert(at(), part.begin(), part.end());
                break;
            }
            case 3:
                if (from != bytes.end()) {
                    *from = static_cast<std::uint8_t>(*from ^ (1U << below(8)));
                }
                break;
            default:
                if (from != bytes.end()) {
                    *from = any_byte();
                }
        }
    }

    std::mt19937_64 random_;
    const std::vector<Bytes>& files_;
};

struct Arguments {
    std::vector<fs::path> places;
    std::uint64_t random = 0;  ///< how many inputs; 0: the files themselves
    std::uint64_t seed = 1;    ///< of the first one; each has the next
};

std::optional<Arguments> parse(int argc, char** argv) {
    Arguments arguments;
    const std::vector<std::string_view> words(argv + 1, argv + argc);
    for (auto word = words.begin(); word != words.end(); ++word) {
        std::uint64_t* const number = *word == "--random" ? &arguments.random
                                      : *word == "--seed" ? &arguments.seed
                                                          : nullptr;
        if (number == nullptr) {
            arguments.places.emplace_back(*word);
            continue;
        }
        if (++word == words.end() ||
            std::from_chars(word->data(), word->data() + word->size(), *number).ptr !=
                word->data() + word->size()) {
            return std::nullopt;
        }
    }
    if (arguments.places.empty()) {
        return std::nullopt;
    }
    return arguments;
}

std::uint64_t replay(const std::vector<fs::path>& files) {
    for (const auto& file : files) {
        under_way = "broken by " + file.string() + "\n";
        const auto bytes = read(file);
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    return files.size();
}

std::uint64_t run_random(const Arguments& arguments, const std::vector<fs::path>& files) {
    std::vector<Bytes> contents;
    std::ranges::transform(files, std::back_inserter(contents), read);
    for (std::uint64_t i = 0; i < arguments.random; ++i) {
        const std::uint64_t seed = arguments.seed + i;
        under_way = "broken by --random 1 --seed " + std::to_string(seed) + "\n";
        const auto bytes = RandomInput(seed, contents).make();
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    return arguments.random;
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse(argc, argv);
    if (!arguments) {
        std::fputs("usage: replay [--random COUNT [--seed FIRST]] FILE|FOLDER...\n", stderr);
        return 2;
    }
    static_cast<void>(std::signal(SIGABRT, on_abort));
    std::uint64_t inputs = 0;
    try {
        std::vector<fs::path> files;
        for (const auto& place : arguments->places) {
            std::ranges::copy(files_of(place), std::back_inserter(files));
        }
        inputs = arguments->random > 0 ? run_random(*arguments, files) : replay(files);
    } catch (const fs::filesystem_error& error) {
        std::fprintf(stderr, "replay: %s\n", error.what());
        return 1;
    }
    std::printf("%llu inputs\n", static_cast<unsigned long long>(inputs));
    return inputs == 0 ? 1 : 0;
}
