// SPDX-License-Identifier: Apache-2.0
#include "client/commands/release.hpp"

#include "client/device_selector.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace doed::client {

namespace {

// As shells and env(1) do.
constexpr int status_not_found = 127;
constexpr int status_not_runnable = 126;
constexpr int status_signal_base = 128;

/// The child's way to the command. The lease ends with doectl, so the command must not outlive it.
[[noreturn]] void become(const std::vector<std::string>& command, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) {
        ::_exit(status_signal_base + SIGTERM);
    }
    std::vector<char*> arguments;
    for (const auto& word : command) {
        arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    ::execvp(arguments.front(), arguments.data());
    const int error = errno;
    fmt::print(stderr, "doectl: cannot run {}: {}\n", command.front(),
               std::generic_category().message(error));
    ::_exit(error == ENOENT ? status_not_found : status_not_runnable);
}

Outcome<int> run_command(const std::vector<std::string>& command) {
    // Ctrl-C is for the command; doectl ends after it.
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    struct sigaction interrupt{};
    struct sigaction quit{};
    ::sigaction(SIGINT, &ignore, &interrupt);
    ::sigaction(SIGQUIT, &ignore, &quit);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
        ::sigaction(SIGINT, &interrupt, nullptr);
        ::sigaction(SIGQUIT, &quit, nullptr);
        become(command, parent);
    }
    int status = 0;
    const int error = child < 0 ? errno : 0;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    ::sigaction(SIGINT, &interrupt, nullptr);
    ::sigaction(SIGQUIT, &quit, nullptr);
    if (child < 0) {
        return std::unexpected(failure_from_errno(error, "cannot start a process"));
    }
    return WIFSIGNALED(status) ? status_signal_base + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Outcome<CommandOutput> run(const ReleaseOptions& options, Service& service, const OutputOptions&) {
    const auto selector = DeviceSelector::parse(options.device);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    const auto devices = list_devices(service);
    if (!devices) {
        return std::unexpected(devices.error());
    }
    const auto selection = select_mailbox(*devices, *selector, "to release",
                                          [](const MailboxRecord&) { return true; });
    if (!selection) {
        return std::unexpected(selection.error());
    }
    const auto lease = service.release(selection->mailbox->path);
    if (!lease) {
        return std::unexpected(lease.error().in("cannot release " + selection->name()));
    }
    ::setenv("DOED_MAILBOX", selection->name().c_str(), 1);
    const auto status = run_command(options.command);
    if (!status) {
        return std::unexpected(status.error());
    }
    CommandOutput output;
    output.exit_status = *status;
    return output;
}

}  // namespace doed::client
