// SPDX-License-Identifier: Apache-2.0
#include "client/standard_files.hpp"

#include <cerrno>
#include <cstddef>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace doed::client {

void occupy_standard_files() noexcept {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        // The lowest free number is this one: those below it are taken by now.
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            // The other way round: what reads or writes there gets EBADF, as if it were closed. Commands inherit it.
            ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

void tell(std::string_view line) {
    const std::string text = fmt::format("doectl: {}\n", line);
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto count = ::write(STDERR_FILENO, rest.data(), rest.size());
        if (count < 0 && errno != EINTR) {
            return;
        }
        rest.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
    }
}

}  // namespace doed::client
