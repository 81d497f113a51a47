// SPDX-License-Identifier: Apache-2.0
#include "client/polkit_agent.hpp"

#include "base/unique_fd.hpp"

#include <cerrno>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace doed::client {

namespace {

constexpr char program[] = "pkttyagent";
constexpr int patience_ms = 5'000;

/// The descriptor is inherited under its number: it must not be closed on exec.
pid_t spawn(int notify) {
    std::string name = program;
    std::string notify_fd = "--notify-fd=" + std::to_string(notify);
    std::string fallback = "--fallback";
    char* const words[] = {name.data(), notify_fd.data(), fallback.data(), nullptr};
    pid_t child = -1;
    return ::posix_spawnp(&child, program, nullptr, nullptr, words, environ) == 0 ? child : -1;
}

}  // namespace

void PolkitAgent::start() {
    if (agent_ >= 0) {
        return;
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    const base::UniqueFd ready(ends[0]);
    base::UniqueFd notify(ends[1]);
    ::fcntl(notify.get(), F_SETFD, 0);
    agent_ = spawn(notify.get());
    notify = base::UniqueFd();
    // The agent closes its end when polkit knows it, and when it ends.
    pollfd waited{.fd = ready.get(), .events = POLLIN, .revents = 0};
    while (::poll(&waited, 1, patience_ms) < 0 && errno == EINTR) {
    }
}

PolkitAgent::~PolkitAgent() {
    if (agent_ < 0) {
        return;
    }
    ::kill(agent_, SIGTERM);
    ::kill(agent_, SIGCONT);
    while (::waitpid(agent_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace doed::client
