// SPDX-License-Identifier: Apache-2.0
//
// The command that runs while a mailbox is lent to it: a process group of its own that inherits the lease, so that the mailbox
// is not taken back before the last of its processes has ended, whatever becomes of doectl. On a terminal it takes the part
// that a shell has for a job: foreground, stop and continue.
#pragma once

#include "base/unique_fd.hpp"
#include "client/failure.hpp"

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace doed::client {

class LentCommand {
public:
    /// Runs it to its end and returns its exit status: its own, 128 plus the signal that ended it, 127 when it was not found,
    /// 126 when it could not be run. SIGTERM, SIGHUP, SIGINT, SIGQUIT and SIGTSTP are passed on to the group meanwhile. To be
    /// called with one thread. The lease is closed here when the command has ended. Failure: no process can be started.
    [[nodiscard]] static Outcome<int> run(const std::vector<std::string>& words,
                                          base::UniqueFd lease);

    LentCommand(const LentCommand&) = delete;
    LentCommand& operator=(const LentCommand&) = delete;

private:
    LentCommand();
    ~LentCommand();

    [[nodiscard]] Outcome<void> start(const std::vector<std::string>& words, int lease);
    [[noreturn]] void become(const std::vector<std::string>& words, int lease) const;
    [[nodiscard]] int wait();
    void pass_on(int signal) const;
    void stopped(int signal);
    void resume() const;
    void suspend_ourselves() const;
    [[nodiscard]] bool has_terminal() const;
    void give_terminal_to(pid_t group) const;

    base::UniqueFd terminal_;   ///< that controls us; without one, tcgetpgrp() of it fails
    sigset_t waited_{};         ///< the signals that wait() takes
    sigset_t mask_{};           ///< as it was before
    struct sigaction child_{};  ///< what SIGCHLD did before
    pid_t group_ = 0;           ///< also the id of the command's first process
    bool foreground_ = false;   ///< it has the terminal when we would have it
};

}  // namespace doed::client
