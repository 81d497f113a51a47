// SPDX-License-Identifier: Apache-2.0
#include "client/end_signals.hpp"

#include <vector>

#include <sys/signalfd.h>
#include <unistd.h>

namespace doed::client {

bool any_ready(std::span<const pollfd> waited) {
    std::vector<pollfd> now(waited.begin(), waited.end());
    return ::poll(now.data(), now.size(), 0) > 0;
}

EndSignals::EndSignals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        ::sigaddset(&signals, signal);
    }
    fd_ = base::UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    ::sigprocmask(SIG_SETMASK, nullptr, &before_);
    if (fd_) {
        ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    }
}

EndSignals::~EndSignals() {
    signalfd_siginfo taken{};
    while (fd_ && ::read(fd_.get(), &taken, sizeof taken) > 0) {
    }
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace doed::client
