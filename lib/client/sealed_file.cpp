// SPDX-License-Identifier: Apache-2.0
#include "client/sealed_file.hpp"

#include "cdat/table.hpp"

#include <cerrno>
#include <cstddef>
#include <span>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace doed::client {

namespace {

constexpr int needed_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

}  // namespace

Outcome<std::vector<std::uint8_t>> read_sealed_file(int fd) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & needed_seals) != needed_seals) {
        return failed(FailureKind::general, "the memory file from doed is not sealed",
                      versions_differ);
    }
    struct stat status{};
    if (::fstat(fd, &status) != 0) {
        return std::unexpected(failure_from_errno(errno, "the memory file from doed"));
    }
    if (status.st_size < 0 ||
        static_cast<std::size_t>(status.st_size) > cdat::max_table_size_bytes) {
        return failed(FailureKind::general, "the memory file from doed is longer than any table",
                      versions_differ);
    }

    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size));
    std::span<std::uint8_t> rest(bytes);
    while (!rest.empty()) {
        const auto count =
            ::pread(fd, rest.data(), rest.size(), static_cast<off_t>(bytes.size() - rest.size()));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return std::unexpected(
                failure_from_errno(count < 0 ? errno : EIO, "the memory file from doed"));
        }
        rest = rest.subspan(static_cast<std::size_t>(count));
    }
    return bytes;
}

}  // namespace doed::client
