// SPDX-License-Identifier: Apache-2.0
//
// A bus daemon for one test program: started by the first who asks, ended with the object.
#pragma once

#include <array>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace doed::bus {

class PrivateBus {
public:
    PrivateBus() {
        std::array<int, 2> pipe{};
        if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
            throw std::runtime_error("pipe");
        }
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
        ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        std::array<std::string, 4> words{"dbus-daemon", "--session", "--nofork", "--print-address"};
        std::array<char*, 5> argv{words[0].data(), words[1].data(), words[2].data(),
                                  words[3].data(), nullptr};
        const int failed =
            ::posix_spawnp(&process_, "dbus-daemon", &actions, nullptr, argv.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(pipe[1]);
        for (char c = 0; failed == 0 && ::read(pipe[0], &c, 1) == 1 && c != '\n';) {
            address_ += c;
        }
        ::close(pipe[0]);
        if (address_.empty()) {
            throw std::runtime_error("dbus-daemon does not start");
        }
    }
    PrivateBus(const PrivateBus&) = delete;
    PrivateBus& operator=(const PrivateBus&) = delete;
    ~PrivateBus() {
        if (process_ > 0) {
            go_on();
            ::kill(process_, SIGTERM);
            ::waitpid(process_, nullptr, 0);
        }
    }

    [[nodiscard]] const std::string& address() const { return address_; }

    /// Does nothing from here on, until go_on().
    void halt() {
        ::kill(process_, SIGSTOP);
        siginfo_t stopped{};
        ::waitid(P_PID, static_cast<id_t>(process_), &stopped, WSTOPPED);
    }
    void go_on() { ::kill(process_, SIGCONT); }

private:
    pid_t process_ = 0;
    std::string address_;
};

}  // namespace doed::bus
