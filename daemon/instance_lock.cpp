// SPDX-License-Identifier: Apache-2.0
#include "daemon/instance_lock.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

namespace doed::daemon {

namespace {

std::unexpected<StartupFailure> cannot_lock(const std::filesystem::path& path, int error) {
    const bool denied = error == EACCES || error == EPERM || error == EROFS;
    return startup_failure(
        denied ? ExitCode::not_permitted : ExitCode::failure,
        fmt::format("cannot take the lock {}: {}{}", path.string(), std::strerror(error),
                    denied ? "; it is another user's: remove it while no doed "
                             "runs, and start the service"
                           : ""));
}

}  // namespace

Startup<InstanceLock> InstanceLock::take(const std::filesystem::path& directory) {
    const auto path = directory / "lock";
    std::error_code made;
    std::filesystem::create_directories(directory, made);
    base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) {
        return cannot_lock(path, errno);
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return cannot_lock(path, errno);
        }
        return startup_failure(
            ExitCode::second_instance,
            fmt::format("another doed already drives this host's mailboxes (it holds the lock {}); "
                        "stop it first",
                        path.string()));
    }
    return InstanceLock(std::move(file));
}

std::filesystem::path InstanceLock::runtime_directory() {
    const char* set_by_systemd = std::getenv("RUNTIME_DIRECTORY");
    if (set_by_systemd == nullptr || *set_by_systemd == '\0') {
        return "/run/doed";
    }
    const std::string_view directories = set_by_systemd;
    return directories.substr(0, directories.find(':'));
}

}  // namespace doed::daemon
