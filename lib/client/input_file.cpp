// SPDX-License-Identifier: Apache-2.0
#include "client/input_file.hpp"

#include "base/unique_fd.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace doed::client {

namespace {

Failure open_failure(int error, const std::string& file) {
    auto failure = failure_of_file(error, "cannot open " + file);
    return failure.kind() == FailureKind::access_denied
               ? failure.advised("the kernel's own CDAT files are for root")
               : failure;
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
            return std::unexpected(failure_of_file(errno, "cannot read " + name));
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
