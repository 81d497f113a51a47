// SPDX-License-Identifier: Apache-2.0
//
// A folder that lives as long as a test and can be filled to look like /sys.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace doed::daemon {

class FakeTree {
public:
    FakeTree() {
        std::string path = (std::filesystem::temp_directory_path() / "doed-daemon-XXXXXX").string();
        if (::mkdtemp(path.data()) == nullptr) {
            throw std::runtime_error("cannot make " + path);
        }
        root_ = path;
    }
    FakeTree(const FakeTree&) = delete;
    FakeTree& operator=(const FakeTree&) = delete;
    ~FakeTree() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& root() const { return root_; }

    std::filesystem::path file(const std::string& name, std::string_view text) const {
        const auto path = make_parent(name);
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    void link(const std::string& name, const std::string& target) const {
        std::filesystem::create_symlink(target, make_parent(name));
    }

private:
    [[nodiscard]] std::filesystem::path make_parent(const std::string& name) const {
        auto path = root_ / name;
        std::filesystem::create_directories(path.parent_path());
        return path;
    }

    std::filesystem::path root_;
};

}  // namespace doed::daemon
