// SPDX-License-Identifier: Apache-2.0
//
// doed-opener: opens for one doed what only root may open, and nothing else (opener/protocol.hpp, opener/policy.hpp). It
// is root with CAP_SYS_ADMIN alone, which the kernel wants to show extended config space, and ends with the connection.
#include "daemon/config.hpp"
#include "daemon/exit_code.hpp"
#include "daemon/log.hpp"
#include "daemon/opener/policy.hpp"
#include "daemon/opener/server.hpp"
#include "daemon/options.hpp"
#include "pci/direct_opener.hpp"

#include <CLI/CLI.hpp>
#include <cap-ng.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <sys/prctl.h>
#include <sys/socket.h>

namespace {

using namespace doed;
using daemon::ExitCode;
using daemon::Startup;

constexpr char footer[] =
    "Exit codes:\n"
    "  0  doed has closed the connection\n"
    "  1  failure\n"
    "  2  wrong option or configuration file\n";

struct Options {
    std::optional<std::filesystem::path> config_file;
    std::string sysfs_root = daemon::default_sysfs_root;
    int socket = -1;   ///< connected; -1: a listening one from the service manager
    std::string text;  ///< to be printed, and nothing else done
};

Startup<Options> parse_options(int argc, const char* const* argv) {
    Options options;
    std::string config_file;
    bool version = false;
    CLI::App app{
        "Opens for doed what only root may open. Started by doed or by systemd, not by hand.",
        "doed-opener"};
    app.footer(footer);
    app.add_option("--config", config_file,
                   std::string("doed's configuration file (") + daemon::default_config_file +
                       " when that exists)")
        ->type_name("FILE");
    app.add_option("--sysfs-root", options.sysfs_root, "where sysfs is mounted")
        ->type_name("DIR")
        ->capture_default_str();
    app.add_option(
           "--socket", options.socket,
           "connected SOCK_SEQPACKET descriptor (without it, systemd passes one to listen on)")
        ->type_name("FD");
    app.add_flag("--version", version, "print the version");
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        options.text = app.help();
        return options;
    } catch (const CLI::ParseError& error) {
        return daemon::startup_failure(ExitCode::usage,
                                       std::string(error.what()) + "; see doed-opener --help");
    }
    if (version) {
        options.text = "doed-opener " DOED_VERSION "\n";
    }
    if (!config_file.empty()) {
        options.config_file = config_file;
    }
    return options;
}

/// One doed at a time: whoever comes next waits in the service manager's socket until this process has ended.
Startup<base::UniqueFd> connection(const Options& options) {
    if (options.socket >= 0) {
        return base::UniqueFd(options.socket);
    }
    if (::sd_listen_fds(1) != 1) {
        return daemon::startup_failure(
            ExitCode::usage,
            "expected one socket from the service manager: start doed-opener.socket");
    }
    const base::UniqueFd listening(SD_LISTEN_FDS_START);
    base::UniqueFd connected(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connected) {
        return daemon::startup_failure(ExitCode::failure,
                                       std::string("nobody to serve: ") + std::strerror(errno));
    }
    return connected;
}

/// Keeps CAP_SYS_ADMIN, and no way to get more. Without root (a test) there is nothing to give up.
bool give_up_capabilities() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::capng_get_caps_process() != 0) {
        return false;
    }
    bool others = false;
    for (unsigned capability = 0; capability <= CAP_LAST_CAP; ++capability) {
        others = others || (capability != CAP_SYS_ADMIN &&
                            ::capng_have_capability(CAPNG_PERMITTED, capability) != 0);
    }
    if (!others) {
        return true;  // the service manager has seen to it, and may forbid the attempt
    }
    ::capng_clear(CAPNG_SELECT_BOTH);
    if (::capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                       CAP_SYS_ADMIN) != 0) {
        return false;
    }
    return ::capng_apply(CAPNG_SELECT_CAPS) == 0;
}

int fail(const daemon::Log& log, const daemon::StartupFailure& failure) {
    log.error("doed-opener: " + failure.message);
    return static_cast<int>(failure.code);
}

int run(int argc, char** argv) {
    const daemon::Log log(daemon::LogLevel::info);
    const auto options = parse_options(argc, argv);
    if (!options) {
        return fail(log, options.error());
    }
    if (!options->text.empty()) {
        std::fputs(options->text.c_str(), stdout);
        return static_cast<int>(ExitCode::ok);
    }
    // Taken before anything else can fail, so that doed notices, once, and is not left waiting.
    auto socket = connection(*options);
    if (!socket) {
        return fail(log, socket.error());
    }
    const auto config = daemon::load_config(options->config_file);
    if (!config) {
        return fail(log, config.error());
    }
    if (!give_up_capabilities()) {
        return fail(log, {ExitCode::failure, "cannot give up capabilities"});
    }
    pci::DirectOpener files({.sysfs_root = options->sysfs_root});
    daemon::opener::Policy policy(files, *config, options->sysfs_root);
    daemon::opener::Server server(std::move(*socket), policy);
    const std::string reason = server.run();
    if (!reason.empty()) {
        log.error("doed-opener: ending: " + reason);
    }
    // A thread may be held by a device for ever; nothing here waits for it.
    std::_Exit(static_cast<int>(reason.empty() ? ExitCode::ok : ExitCode::failure));
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "doed-opener: unexpected: %s\n", error.what());
        return static_cast<int>(ExitCode::failure);
    }
}
