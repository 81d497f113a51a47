// SPDX-License-Identifier: Apache-2.0
#include "client/input_file.hpp"

#include "base/unique_fd.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace doed::client {

namespace {

/// There is no device of that name, either: the same exit status.
Failure open_failure(int error, const std::string& file) {
    auto plain = failure_from_errno(error, "cannot open " + file);
    switch (error) {
        case ENOENT:
        case ENOTDIR: return Failure(FailureKind::not_found, plain.message(), plain.advice());
        case EACCES:
        case EPERM:
            return Failure(FailureKind::access_denied, plain.message(),
                           "the kernel's own CDAT files are for root");
        default: return plain;
    }
}

}  // namespace

Outcome<std::vector<std::uint8_t>> read_input(const std::string& file, std::size_t max_size_bytes) {
    base::UniqueFd opened;
    if (file != "-") {
        opened = base::UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
        if (!opened) {
            return std::unexpected(open_failure(errno, file));
        }
    }
    const std::string name = file == "-" ? "standard input" : file;
    const int fd = opened ? opened.get() : STDIN_FILENO;
    std::vector<std::uint8_t> bytes;
    std::array<std::uint8_t, 16384> part{};
    for (;;) {
        const auto got = ::read(fd, part.data(), part.size());
        if (got == 0) {
            return bytes;
        }
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return std::unexpected(failure_from_errno(errno, "cannot read " + name));
        }
        if (static_cast<std::size_t>(got) > max_size_bytes - bytes.size()) {
            return failed(FailureKind::general,
                          name + " has more than " + std::to_string(max_size_bytes) + " bytes",
                          "is it the right file?");
        }
        bytes.insert(bytes.end(), part.begin(), part.begin() + got);
    }
}

}  // namespace doed::client
