// SPDX-License-Identifier: Apache-2.0
#include "client/output_lines.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>

#include <unistd.h>

namespace doed::client {

OutputLines::OutputLines(int out) : out_(out) {
    std::signal(SIGPIPE, SIG_IGN);
}

bool OutputLines::write(std::string_view text) {
    while (!text.empty()) {
        const auto count = ::write(out_, text.data(), text.size());
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            if (errno != EPIPE) {
                outcome_ =
                    std::unexpected(failure_from_errno(errno, "cannot write to standard output"));
            }
            return false;
        }
    }
    return true;
}

}  // namespace doed::client
