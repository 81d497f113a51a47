// SPDX-License-Identifier: Apache-2.0
//
// The signals that end a program, as something to wait for: SIGINT, SIGTERM and SIGHUP; and whether what is waited for has come.
#pragma once

#include "base/unique_fd.hpp"

#include <csignal>
#include <span>

#include <poll.h>

namespace doed::client {

/// Whether one of them has what it is asked for, or an error, now.
[[nodiscard]] bool any_ready(std::span<const pollfd> waited);

class EndSignals {
public:
    /// To be made with one thread. Without a descriptor to be had, the signals do what they did.
    EndSignals();
    EndSignals(const EndSignals&) = delete;
    EndSignals& operator=(const EndSignals&) = delete;
    /// One that has come by then is taken, not delivered.
    ~EndSignals();

    [[nodiscard]] pollfd arrived() const noexcept { return {fd_.get(), POLLIN, 0}; }

private:
    sigset_t before_{};
    base::UniqueFd fd_;
};

}  // namespace doed::client
