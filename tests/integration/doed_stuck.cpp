// SPDX-License-Identifier: Apache-2.0
//
// doed that can be made to get stuck, to see that its watchdog notices: by SIGUSR1 the thread of the bus loop, by SIGUSR2
// the strand of the first mailbox, each for good and in doed's own code. Everything else is doed itself. For tests alone: it
// is never installed, and doed has neither of these signals.
#include "daemon/doed_main.hpp"

#include <csignal>
#include <cstdlib>
#include <thread>

#include <unistd.h>

namespace {

[[noreturn]] void get_stuck() {
    for (;;) {
        ::pause();
    }
}

sigset_t only(int signal) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, signal);
    return set;
}

/// Waits for SIGUSR2, which every thread has blocked.
void await_signal(doed::daemon::Daemon& service) {
    const sigset_t set = only(SIGUSR2);
    int signal = 0;
    if (::sigwait(&set, &signal) != 0) {
        std::abort();
    }
    for (const auto& strand : service.workers().strands()) {
        strand.pulse->post([] { get_stuck(); });
        return;
    }
    std::abort();  // there is no mailbox: what the test wants cannot be had
}

}  // namespace

int main(int argc, char** argv) {
    // A signal to the process is taken by its first thread, as long as that takes it at all: the one that runs the bus loop.
    std::signal(SIGUSR1, [](int) { get_stuck(); });
    const sigset_t set = only(SIGUSR2);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return doed::daemon::doed_main(argc, argv, [](doed::daemon::Daemon& service) {
        std::thread([&service] { await_signal(service); }).detach();
    });
}
