// SPDX-License-Identifier: Apache-2.0
#include "client/progress_line.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): pthread_sigmask()
#include <unistd.h>

namespace doed::client {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 500ms;
constexpr auto pace = 1s;
constexpr char erase_line[] = "\r\x1b[K";

/// Signals are for the thread that waits for doed.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

}  // namespace

ProgressLine::ProgressLine(int terminal, std::string what)
    : terminal_(terminal), what_(std::move(what)) {
    const SignalsBlocked during_start;
    thread_ = std::jthread([this](const std::stop_token& over) { show(over); });
}

ProgressLine::~ProgressLine() {
    thread_.request_stop();
}

void ProgressLine::show(const std::stop_token& over) {
    const auto begin = Clock::now();
    const auto is_over = [&] { return over.stop_requested(); };
    bool shown = false;
    std::unique_lock lock(mutex_);
    for (auto next = begin + patience; !over_.wait_until(lock, over, next, is_over); next += pace) {
        const auto waited = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin);
        write(fmt::format("{}{} ({} s)", erase_line, what_, waited.count()));
        shown = true;
    }
    if (shown) {
        write(erase_line);
    }
}

void ProgressLine::write(const std::string& text) const {
    // A terminal that takes nothing is no reason to fail.
    [[maybe_unused]] const auto count = ::write(terminal_, text.data(), text.size());
}

}  // namespace doed::client
