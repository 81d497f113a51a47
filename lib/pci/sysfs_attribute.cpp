// SPDX-License-Identifier: Apache-2.0
#include "pci/sysfs_attribute.hpp"

#include "base/unique_fd.hpp"
#include "pci/os_error.hpp"
#include "pci/retry_interrupted.hpp"

#include <array>
#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <unistd.h>

namespace doed::pci {

namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view white_space = " \t\n\r\v\f";
    const auto first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

base::Result<std::string> read_whole(const base::UniqueFd& file, const std::string& path) {
    // The kernel renders an attribute at a read from its beginning and hands it out whole: one read is one consistent value.
    std::array<char, attribute_size_max_bytes + 1> text{};
    const auto count =
        retry_interrupted([&] { return ::pread(file.get(), text.data(), text.size(), 0); });
    if (count < 0) {
        return std::unexpected(os_error(FileAccess::read, errno, path));
    }
    const auto size_bytes = static_cast<std::size_t>(count);
    if (size_bytes > attribute_size_max_bytes) {
        return base::fail(
            base::Errc::too_large,
            path + ": longer than " + std::to_string(attribute_size_max_bytes) + " bytes");
    }
    return std::string(trimmed({text.data(), size_bytes}));
}

}  // namespace

base::Result<std::string> read_attribute(const std::string& path) {
    // O_NONBLOCK: whatever else the path may name, opening it must not wait.
    const base::UniqueFd file(retry_interrupted(
        [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (!file) {
        return std::unexpected(os_error(FileAccess::open, errno, path));
    }
    return read_whole(file, path);
}

base::Result<std::string> read_attribute(const base::UniqueFd& file) {
    return read_whole(file, "an attribute");
}

base::Result<std::string> read_link_name(const std::string& path) {
    std::array<char, PATH_MAX> target{};
    const auto count = ::readlink(path.c_str(), target.data(), target.size());
    if (count < 0) {
        return std::unexpected(os_error(FileAccess::open, errno, path));
    }
    const std::string_view whole(target.data(), static_cast<std::size_t>(count));
    // Without a slash npos + 1 is 0: all of it.
    return std::string(whole.substr(whole.rfind('/') + 1));
}

}  // namespace doed::pci
