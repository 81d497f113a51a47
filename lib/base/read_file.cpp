// SPDX-License-Identifier: Apache-2.0
#include "base/read_file.hpp"

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>

namespace doed::base {

namespace {

std::unexpected<Error> fail_with_errno(const std::string& name, int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR: return fail(Errc::not_found, name);
        case EACCES:
        case EPERM: return fail(Errc::access_denied, name);
        default: return fail(Errc::io, name + ": " + std::generic_category().message(error));
    }
}

}  // namespace

Result<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path,
                                            std::size_t max_size_bytes) {
    const std::string name = "file " + path.string();
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) {
        return fail_with_errno(name, errno);
    }
    return read_file(fd, name, max_size_bytes);
}

Result<std::vector<std::uint8_t>> read_file(const UniqueFd& file, const std::string& name,
                                            std::size_t max_size_bytes) {
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) {
        return fail_with_errno(name, errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(Errc::io, name + ": not a regular file");
    }
    std::vector<std::uint8_t> bytes;
    std::array<std::uint8_t, 16384> part{};
    for (;;) {
        const ssize_t got = ::read(file.get(), part.data(), part.size());
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return fail_with_errno(name, errno);
        }
        if (got == 0) {
            return bytes;
        }
        if (static_cast<std::size_t>(got) > max_size_bytes - bytes.size()) {
            return fail(Errc::too_large,
                        name + ": more than " + std::to_string(max_size_bytes) + " bytes");
        }
        bytes.insert(bytes.end(), part.begin(), part.begin() + got);
    }
}

}  // namespace doed::base
