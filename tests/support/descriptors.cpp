// SPDX-License-Identifier: Apache-2.0
#include "support/descriptors.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace doed::test {

namespace {

namespace fs = std::filesystem;

std::string link_of(const std::string& descriptor) {
    std::error_code ignored;
    return fs::read_symlink("/proc/self/fd/" + descriptor, ignored).string();
}

std::vector<std::string> open_descriptors() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        names.push_back(entry.path().filename().string());
    }
    return names;
}

/// The text behind a key of /proc/self/fdinfo, and the same of every further line with that key.
std::vector<std::string> fd_info(const std::string& descriptor, std::string_view key) {
    std::vector<std::string> values;
    std::ifstream file("/proc/self/fdinfo/" + descriptor);
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(key)) {
            values.push_back(std::to_string(std::strtol(line.c_str() + key.size(), nullptr, 10)));
        }
    }
    return values;
}

}  // namespace

bool is_eventfd(int fd) {
    return link_of(std::to_string(fd)) == "anon_inode:[eventfd]";
}

bool is_watched(int fd) {
    return std::ranges::any_of(open_descriptors(), [&](const std::string& descriptor) {
        return link_of(descriptor) == "anon_inode:[eventpoll]" &&
               std::ranges::count(fd_info(descriptor, "tfd:"), std::to_string(fd)) > 0;
    });
}

bool same_eventfd(int fd, int other) {
    return is_eventfd(fd) && fd_info(std::to_string(fd), "eventfd-id:") ==
                                 fd_info(std::to_string(other), "eventfd-id:");
}

int count_eventfds() {
    return static_cast<int>(
        std::ranges::count_if(open_descriptors(), [](const std::string& descriptor) {
            return link_of(descriptor) == "anon_inode:[eventfd]";
        }));
}

int count_descriptors() {
    return static_cast<int>(open_descriptors().size());
}

}  // namespace doed::test
