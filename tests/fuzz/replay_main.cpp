// SPDX-License-Identifier: Apache-2.0
//
// Runs a target over the files of folders, so that the corpus is a regression test for any compiler. The name of the input
// under way is printed when the target ends the program.
#include "fuzz/target.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

namespace fs = std::filesystem;

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

std::vector<std::uint8_t> read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: replay FILE|FOLDER...\n", stderr);
        return 2;
    }
    static_cast<void>(std::signal(SIGABRT, on_abort));
    std::size_t inputs = 0;
    try {
        for (int i = 1; i < argc; ++i) {
            for (const auto& file : files_of(argv[i])) {
                under_way = "broken by " + file.string() + "\n";
                const auto bytes = read(file);
                LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
                ++inputs;
            }
        }
    } catch (const fs::filesystem_error& error) {
        std::fprintf(stderr, "replay: %s\n", error.what());
        return 1;
    }
    std::printf("%zu inputs\n", inputs);
    return inputs == 0 ? 1 : 0;
}
