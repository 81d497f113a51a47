// SPDX-License-Identifier: Apache-2.0
//
// doed that can be made to get stuck, to see that its watchdog notices: by SIGUSR1 the thread of the bus loop, by SIGUSR2
// the strand of the first mailbox, each for good and in doed's own code. Everything else is doed itself. For tests alone: it
// is never installed, and doed has neither of these signals.
#include "daemon/doed_main.hpp"

#include <boost/asio/post.hpp>

#include <csignal>
#include <cstdio>
#include <thread>

#include <unistd.h>

namespace {

[[noreturn]] void get_stuck() {
    for (;;) {
        ::pause();
    }
}

/// Both signals, which every thread has blocked.
sigset_t our_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGUSR1);
    ::sigaddset(&set, SIGUSR2);
    return set;
}

void await_signals(doed::daemon::Daemon& service) {
    const sigset_t set = our_signals();
    for (int signal = 0; ::sigwait(&set, &signal) == 0;) {
        if (signal == SIGUSR1) {
            boost::asio::post(service.loop(), get_stuck);
        } else if (const auto strands = service.workers().strands(); !strands.empty()) {
            strands.front().pulse->post(get_stuck);
        } else {
            std::fputs("doed-stuck: there is no mailbox whose strand could get stuck\n", stderr);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const sigset_t set = our_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return doed::daemon::doed_main(argc, argv, [](doed::daemon::Daemon& service) {
        std::thread([&service] { await_signals(service); }).detach();
    });
}
