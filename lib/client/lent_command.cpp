// SPDX-License-Identifier: Apache-2.0
#include "client/lent_command.hpp"

#include "client/failure.hpp"
#include "client/standard_files.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

namespace doed::client {

namespace {

// As shells and env(1) do.
constexpr int status_not_found = 127;
constexpr int status_not_runnable = 126;
constexpr int status_signal_base = 128;

bool is_ignored(int signal) {
    struct sigaction action{};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Outcome<int> LentCommand::run(const std::vector<std::string>& words, base::UniqueFd lease) {
    LentCommand command;
    if (const auto started = command.start(words, lease.get()); !started) {
        return std::unexpected(started.error());
    }
    const int status = command.wait();
    return WIFSIGNALED(status) ? status_signal_base + WTERMSIG(status) : WEXITSTATUS(status);
}

LentCommand::LentCommand() : terminal_(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    ::sigemptyset(&waited_);
    for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP}) {
        // What is ignored, as under nohup(1), is so for the command too.
        if (!is_ignored(signal)) {
            ::sigaddset(&waited_, signal);
        }
    }
    ::sigaddset(&waited_, SIGCHLD);
    ::sigaddset(&waited_, SIGCONT);
    sigset_t blocked = waited_;
    ::sigaddset(&blocked, SIGTTOU);
    ::sigprocmask(SIG_BLOCK, &blocked, &mask_);
    // Were it ignored, as some parents leave it, there would be no exit status to wait for.
    struct sigaction by_default{};
    by_default.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &by_default, &child_);
    // With its output in a pipe, to a pager for instance, the terminal stays with who shares it until the command wants it.
    foreground_ = has_terminal() && ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
}

LentCommand::~LentCommand() {
    if (group_ != 0 && ::tcgetpgrp(terminal_.get()) == group_) {
        give_terminal_to(::getpgrp());
    }
    ::sigaction(SIGCHLD, &child_, nullptr);
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
}

Outcome<void> LentCommand::start(const std::vector<std::string>& words, int lease) {
    const pid_t child = ::fork();
    if (child < 0) {
        return std::unexpected(failure_from_errno(errno, "cannot start a process"));
    }
    if (child == 0) {
        become(words, lease);
    }
    ::setpgid(child, child);  // both do it: whoever comes first
    group_ = child;
    return {};
}

/// The child's way to the command.
void LentCommand::become(const std::vector<std::string>& words, int lease) const {
    ::setpgid(0, 0);
    if (foreground_) {
        give_terminal_to(::getpid());
    }
    ::fcntl(lease, F_SETFD, 0);
    ::setenv("DOED_LEASE_FD", std::to_string(lease).c_str(), 1);
    ::sigaction(SIGCHLD, &child_, nullptr);
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const auto& word : words) {
        arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    ::execvp(arguments.front(), arguments.data());
    const int error = errno;
    const Failure failure(
        FailureKind::general,
        fmt::format("cannot run {}: {}", words.front(), std::generic_category().message(error)),
        error == ENOENT ? "see whether the name is right"
                        : "see whether it is a program, and yours to run");
    tell(failure.line());
    ::_exit(error == ENOENT ? status_not_found : status_not_runnable);
}

/// Whether this process is in the foreground of its terminal, wherever its standard input comes from.
bool LentCommand::has_terminal() const {
    return ::tcgetpgrp(terminal_.get()) == ::getpgrp();
}

/// SIGTTOU is blocked, so that this is allowed from the background.
void LentCommand::give_terminal_to(pid_t group) const {
    ::tcsetpgrp(terminal_.get(), group);
}

/// Until the command's first process has ended; its wait status.
int LentCommand::wait() {
    while (true) {
        int status = 0;
        const pid_t changed = ::waitpid(group_, &status, WNOHANG | WUNTRACED);
        if (changed == group_ && !WIFSTOPPED(status)) {
            return status;
        }
        if (changed == group_) {
            stopped(WSTOPSIG(status));
        } else {
            pass_on(::sigwaitinfo(&waited_, nullptr));
        }
    }
}

void LentCommand::pass_on(int signal) const {
    if (signal == SIGCONT) {
        resume();
    } else if (signal > 0 && signal != SIGCHLD) {
        ::kill(-group_, signal);
    }
}

/// As a job in our shell would be: stopped, and we with it.
void LentCommand::stopped(int signal) {
    const bool wants_terminal = signal == SIGTTIN || signal == SIGTTOU;
    if (wants_terminal && has_terminal()) {
        foreground_ = true;
        resume();
    } else if (wants_terminal || signal == SIGTSTP) {
        if (::tcgetpgrp(terminal_.get()) == group_) {
            give_terminal_to(::getpgrp());
        }
        suspend_ourselves();
        resume();
    }
}

void LentCommand::resume() const {
    if (foreground_ && has_terminal()) {
        give_terminal_to(group_);
    }
    ::kill(-group_, SIGCONT);
}

/// With all of our own job, as the terminal would do it. Returns when the shell lets us go on; at once when there is no
/// shell that could (an orphaned process group is not stopped by this signal).
void LentCommand::suspend_ourselves() const {
    sigset_t stop_and_go;
    ::sigemptyset(&stop_and_go);
    ::sigaddset(&stop_and_go, SIGTSTP);
    ::sigaddset(&stop_and_go, SIGCONT);  // else it would still be there for wait()
    ::sigprocmask(SIG_UNBLOCK, &stop_and_go, nullptr);
    ::kill(0, SIGTSTP);
    ::sigprocmask(SIG_BLOCK, &stop_and_go, nullptr);
}

}  // namespace doed::client
