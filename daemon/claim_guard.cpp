// SPDX-License-Identifier: Apache-2.0
#include "daemon/claim_guard.hpp"

#include "pci/cxl_port.hpp"

#include <array>
#include <climits>
#include <string_view>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace doed::daemon {

namespace {

constexpr std::string_view bridge_driver = "pcieport";

// From a port in sysfs to the first access of its probe to the mailbox: it has decoders to set up before.
constexpr std::chrono::microseconds shortest_port_probe{300};
// From a driver's link to its first exchange, where it aborts at once: after the abort it waits for 1/128 s before it looks at the
// mailbox again (PCI_DOE_POLL_INTERVAL), and another abort meanwhile changes nothing.
constexpr std::chrono::milliseconds shortest_driver_probe{6};

/// The name of the driver that is bound now; empty when none is, also when the device is not there any more.
std::string_view bound_driver(int device, std::array<char, PATH_MAX>& buffer) {
    const ssize_t length = ::readlinkat(device, "driver", buffer.data(), buffer.size());
    if (length <= 0) {
        return {};
    }
    const std::string_view target(buffer.data(), static_cast<std::size_t>(length));
    return target.substr(target.rfind('/') + 1);
}

bool is_link(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_symlink(path, error);
}

}  // namespace

ClaimGuard::ClaimGuard(std::filesystem::path sysfs_root, const pci::Address& address,
                       std::string driver, std::uint64_t driver_identity, MailboxUse use)
    : address_(address),
      driver_(std::move(driver)),
      driver_identity_(driver_identity),
      use_(use),
      // Held by descriptor: a path of five links would be followed at every exchange.
      device_(::open((sysfs_root / "bus/pci/devices" / address.to_string()).c_str(),
                     O_PATH | O_DIRECTORY | O_CLOEXEC)),
      cxl_devices_(sysfs_root / "bus/cxl/devices") {}

base::Result<void> ClaimGuard::confirm() {
    const auto now = std::chrono::steady_clock::now();
    auto confirmed = confirm_driver();
    // Without a driver there is no port.
    if (confirmed && !driver_.empty()) {
        confirmed = confirm_no_port();
    }
    if (confirmed) {
        confirmed_at_ = now;
    }
    return confirmed;
}

bool ClaimGuard::is_ahead_of_kernel() const {
    if (by_driver_ && use_ == MailboxUse::through_port) {
        return !has_port();
    }
    const auto unseen = std::chrono::steady_clock::now() - confirmed_at_;
    return by_driver_ ? unseen <= shortest_driver_probe : unseen <= shortest_port_probe;
}

/// A driver that has left is no reason to let go. One that was bound anew is: what it does with the mailbox it does again.
base::Result<void> ClaimGuard::confirm_driver() {
    struct stat link{};
    if (::fstatat(device_.get(), "driver", &link, AT_SYMLINK_NOFOLLOW) != 0 ||
        (link.st_ino == driver_identity_ && !driver_.empty())) {
        return {};
    }
    std::array<char, PATH_MAX> buffer;
    const std::string_view driver = bound_driver(device_.get(), buffer);
    if (driver.empty()) {
        return {};
    }
    by_driver_ = true;
    return base::fail(base::Errc::kernel_owned,
                      "driver " + std::string(driver) + " has been bound to the device");
}

/// The kernel links a port to its function only after the port's driver has read the table. Until then a port may belong to
/// any function that can have one of its kind: switches have ports, what a driver is bound to has endpoints.
bool ClaimGuard::may_be_ours(std::string_view port_name) const noexcept {
    return port_name.starts_with("endpoint") ? !driver_.empty() && driver_ != bridge_driver
                                             : driver_ == bridge_driver;
}

base::Result<void> ClaimGuard::confirm_no_port() {
    // Opened anew: the folder comes and goes with the kernel's CXL module, and there is none on most hosts.
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(cxl_devices_.c_str()), &::closedir);
    if (!folder) {
        return {};
    }
    while (const dirent* const entry = ::readdir(folder.get())) {
        if (!pci::is_port_name(entry->d_name) || ports_of_others_.contains(entry->d_ino)) {
            continue;
        }
        const auto port = cxl_devices_ / entry->d_name;
        const bool linked = is_link(port / "uport");
        if (linked ? pci::port_function(port) == address_ : may_be_ours(entry->d_name)) {
            return base::fail(
                base::Errc::kernel_owned,
                "the kernel makes a CXL port (" + std::string(entry->d_name) + ") for the device");
        }
        if (linked) {
            ports_of_others_.insert(entry->d_ino);
        }
    }
    return {};
}

/// Whether an endpoint has been made that is the device's, or may be.
bool ClaimGuard::has_port() const {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(cxl_devices_, error), end;
         !error && entry != end; entry.increment(error)) {
        const auto& port = entry->path();
        if (port.filename().string().starts_with("endpoint") &&
            (!is_link(port / "uport") || pci::port_function(port) == address_)) {
            return true;
        }
    }
    return false;
}

}  // namespace doed::daemon
