// SPDX-License-Identifier: Apache-2.0
#include "client/output_file.hpp"

#include "base/unique_fd.hpp"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace doed::client {

namespace {

constexpr mode_t readable_by_all = 0666;  // less the umask

Outcome<void> write_all(int fd, std::string_view content, const std::string& name) {
    while (!content.empty()) {
        const auto count = ::write(fd, content.data(), content.size());
        if (count < 0) {
            if (errno == EAGAIN) {
                // Others, such as ssh, make files that do not block of those they share with us.
                pollfd room{fd, POLLOUT, 0};
                ::poll(&room, 1, -1);
                continue;
            }
            if (errno == EINTR) {
                continue;
            }
            return std::unexpected(failure_of_file(errno, "cannot write to " + name));
        }
        content.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

}  // namespace

Outcome<void> write_output(const std::optional<std::string>& file, std::string_view content) {
    if (!file || *file == "-") {
        return write_all(STDOUT_FILENO, content, "standard output");
    }
    base::UniqueFd out(::open(file->c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY,
                              readable_by_all));
    if (!out) {
        return std::unexpected(failure_of_file(errno, "cannot open " + *file));
    }
    if (auto written = write_all(out.get(), content, *file); !written) {
        return written;
    }
    if (::close(out.release()) != 0) {
        return std::unexpected(failure_of_file(errno, "cannot write to " + *file));
    }
    return {};
}

}  // namespace doed::client
