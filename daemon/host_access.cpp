// SPDX-License-Identifier: Apache-2.0
#include "daemon/host_access.hpp"

#include "base/unique_fd.hpp"
#include "daemon/instance_lock.hpp"

#include <cap-ng.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace doed::daemon {

namespace fs = std::filesystem;

namespace {

constexpr int opener_socket_fd = 3;  // in the opener
constexpr mode_t runtime_directory_mode = 0755;

std::unexpected<StartupFailure> failed(std::string what, int error) {
    return startup_failure(ExitCode::failure,
                           fmt::format("{}: {}", std::move(what), std::strerror(error)));
}

Startup<base::UniqueFd> connect_to(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path.string();
    if (name.size() >= sizeof(address.sun_path)) {
        return startup_failure(ExitCode::usage, "--opener: " + name + " is too long for a socket");
    }
    std::ranges::copy(name, address.sun_path);
    base::UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                             sizeof(address)) != 0) {
        return startup_failure(
            ExitCode::failure,
            fmt::format("cannot reach the opener at {}: {}; see systemctl status "
                        "doed-opener.socket doed-opener.service",
                        name, std::strerror(errno)));
    }
    return socket;
}

/// The program that was installed, or built, beside this one.
fs::path opener_program() {
    std::error_code error;
    return fs::read_symlink("/proc/self/exe", error).parent_path() / "doed-opener";
}

/// In a session of its own: what a terminal tells doed is not for it. It ends when the connection does.
Startup<base::UniqueFd> start_opener(const Options& options) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return failed("cannot make a socket", errno);
    }
    base::UniqueFd ours(ends[0]);
    const base::UniqueFd theirs(ends[1]);

    const fs::path program = opener_program();
    std::vector<std::string> words{program.string(), "--socket", std::to_string(opener_socket_fd),
                                   "--sysfs-root", options.sysfs_root.string()};
    if (options.config_file) {
        words.insert(words.end(), {"--config", fs::absolute(*options.config_file).string()});
    }
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), opener_socket_fd);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    pid_t process = 0;
    const int error =
        ::posix_spawn(&process, program.c_str(), &actions, &attributes, arguments.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return failed("cannot start " + program.string(), error);
    }
    return ours;
}

/// So that the user finds its lock, leases and records in a place of its own.
Startup<void> give_runtime_directory(const passwd& user) {
    const fs::path directory = InstanceLock::runtime_directory();
    std::error_code error;
    fs::create_directories(directory, error);
    const base::UniqueFd folder(
        ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // Whatever the umask is of who has started this.
    if (!folder || ::fchown(folder.get(), user.pw_uid, user.pw_gid) != 0 ||
        ::fchmod(folder.get(), runtime_directory_mode) != 0) {
        return failed(fmt::format("cannot give {} to user {}", directory.string(), user.pw_name),
                      errno);
    }
    return {};
}

Startup<void> become(const std::string& name) {
    errno = 0;
    const passwd* const user = ::getpwnam(name.c_str());
    if (user == nullptr) {
        return startup_failure(
            ExitCode::not_permitted,
            fmt::format("there is no user {}{}: make it with systemd-sysusers (its file is "
                        "/usr/lib/sysusers.d/doed.conf), or name another one with --user",
                        name, errno == 0 ? "" : fmt::format(" ({})", std::strerror(errno))));
    }
    if (auto given = give_runtime_directory(*user); !given) {
        return given;
    }
    ::capng_clear(CAPNG_SELECT_BOTH);
    if (const int result = ::capng_change_id(
            static_cast<int>(user->pw_uid), static_cast<int>(user->pw_gid),
            static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING));
        result != 0) {
        return startup_failure(
            ExitCode::not_permitted,
            fmt::format("cannot become user {} (step {} of capng_change_id)", name, -result));
    }
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return failed("cannot renounce new privileges", errno);
    }
    return {};
}

}  // namespace

Startup<std::unique_ptr<opener::Client>> gain_access(const Options& options) {
    if (options.topology_file) {
        return nullptr;
    }
    // What was open in whoever has started this is not for the opener.
    static_cast<void>(::close_range(opener_socket_fd, ~0U, CLOSE_RANGE_CLOEXEC));
    const bool is_root = ::geteuid() == 0;
    const bool is_this_host = options.sysfs_root == default_sysfs_root;
    if (!options.opener_socket && is_this_host && !is_root) {
        return startup_failure(
            ExitCode::not_permitted,
            "only root can reach the config space of this host's devices; start the service "
            "(systemctl start doed), or use --backend emulator:FILE");
    }
    auto socket =
        options.opener_socket ? connect_to(*options.opener_socket) : start_opener(options);
    if (!socket) {
        return std::unexpected(socket.error());
    }
    if (is_root && is_this_host && options.user != "root") {
        if (const auto changed = become(options.user); !changed) {
            return std::unexpected(changed.error());
        }
    }
    return std::make_unique<opener::Client>(std::move(*socket));
}

}  // namespace doed::daemon
