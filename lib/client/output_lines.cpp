// SPDX-License-Identifier: Apache-2.0
#include "client/output_lines.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <iterator>

#include <unistd.h>

namespace doed::client {

OutputLines::OutputLines(int out, std::span<const pollfd> ends) : out_(out) {
    std::signal(SIGPIPE, SIG_IGN);
    waited_.reserve(1 + ends.size());
    waited_.push_back({out, POLLOUT, 0});
    // One by one: GCC 14 sees an overflow in insert().
    std::ranges::copy(ends, std::back_inserter(waited_));
}

bool OutputLines::write(std::string_view text) {
    while (!text.empty()) {
        if (!wait_for_room()) {
            return false;
        }
        // A pipe with room takes that much without making its writer wait.
        const auto part = text.substr(0, PIPE_BUF);
        const auto count = ::write(out_, part.data(), part.size());
        if (count >= 0) {
            text.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno != EINTR && errno != EAGAIN) {
            fail(errno);
            return false;
        }
    }
    return true;
}

bool OutputLines::wait_for_room() {
    while (::poll(waited_.data(), waited_.size(), -1) < 0) {
        if (errno != EINTR) {
            fail(errno);
            return false;
        }
    }
    return std::all_of(waited_.begin() + 1, waited_.end(),
                       [](const pollfd& end) { return end.revents == 0; });
}

void OutputLines::fail(int error) {
    if (error != EPIPE) {
        outcome_ = std::unexpected(failure_from_errno(error, "cannot write to standard output"));
    }
}

}  // namespace doed::client
