// SPDX-License-Identifier: Apache-2.0
#include "daemon/lease_registry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace doed::daemon {

namespace asio = boost::asio;

namespace {

// When the last descriptor of a file is closed, the kernel first tells inotify and then drops the lock (__fput() in Linux'
// fs/file_table.c: fsnotify_close(), locks_remove_file()). Who hears of it at once may find the lock still held, and for longer
// when the closing task is preempted in between. So a lock that is held is tried again after 1, 2, 4, ... ms: 32 s in all.
// Whoever has closed another descriptor of a file that stays locked costs us these few tries and nothing more.
constexpr int max_retries = 15;
constexpr std::chrono::milliseconds first_retry{1};

// What is read of a file; a bus name has at most 255 characters.
constexpr std::size_t max_holder_bytes = 256;

std::string file_name(const pci::Address& address, std::uint16_t offset) {
    return fmt::format("{}_{:x}", address.to_string(), offset);
}

std::unexpected<base::Error> refused(const std::filesystem::path& path, int error) {
    return base::fail(base::Errc::io,
                      path.string() + ": " + std::generic_category().message(error));
}

bool lock(const base::UniqueFd& file) {
    return ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
}

/// The holder may have written anything there; what goes to the bus is one line of ASCII.
std::string read_holder(const base::UniqueFd& file) {
    std::array<char, max_holder_bytes> bytes{};
    const ssize_t size = ::pread(file.get(), bytes.data(), bytes.size(), 0);
    const std::string_view text(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    std::string line(text.substr(0, text.find('\n')));
    std::ranges::replace_if(line, [](char c) { return c < ' ' || c > '~'; }, '?');
    return line.empty() ? "a program" : line;
}

bool write_holder(const base::UniqueFd& file, const std::string& holder) {
    const std::string line = holder + "\n";
    return ::ftruncate(file.get(), 0) == 0 &&
           ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace

// --- Begin and end -----------------------------------------------------------------------------------------------------------

base::Result<std::unique_ptr<LeaseRegistry>> LeaseRegistry::open(
    asio::any_io_executor loop, const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
        return refused(directory, error.value());
    }
    std::unique_ptr<LeaseRegistry> registry(
        new LeaseRegistry(std::move(loop), directory, /*is_private=*/false));
    if (const auto begun = registry->begin(); !begun) {
        return std::unexpected(begun.error());
    }
    return registry;
}

base::Result<std::unique_ptr<LeaseRegistry>> LeaseRegistry::open_private(
    asio::any_io_executor loop) {
    std::error_code no_temporary_directory;
    const auto parent = std::filesystem::temp_directory_path(no_temporary_directory);
    std::string path = (parent / "doed-leases-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) {
        return refused(path, errno);
    }
    std::unique_ptr<LeaseRegistry> registry(
        new LeaseRegistry(std::move(loop), path, /*is_private=*/true));
    if (const auto begun = registry->begin(); !begun) {
        return std::unexpected(begun.error());
    }
    return registry;
}

LeaseRegistry::LeaseRegistry(asio::any_io_executor loop, std::filesystem::path path,
                             bool is_private)
    : loop_(std::move(loop)), path_(std::move(path)), private_(is_private), events_(loop_) {}

LeaseRegistry::~LeaseRegistry() {
    if (private_) {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
}

base::Result<void> LeaseRegistry::begin() {
    directory_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory_ || ::fchmod(directory_.get(), 0700) != 0) {
        return refused(path_, errno);
    }
    base::UniqueFd events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!events || ::inotify_add_watch(events.get(), path_.c_str(),
                                       IN_CLOSE_WRITE | IN_ONLYDIR | IN_DONT_FOLLOW) < 0) {
        return refused(path_, errno);
    }
    events_.assign(events.release());
    wait();
    return {};
}

// --- Leases ------------------------------------------------------------------------------------------------------------------

base::Result<base::UniqueFd> LeaseRegistry::grant(const pci::Address& address, std::uint16_t offset,
                                                  const std::string& holder, Ended ended) {
    const std::string name = file_name(address, offset);
    if (leases_.contains(name)) {
        return base::fail(base::Errc::busy, (path_ / name).string());
    }
    // Open for writing: inotify tells of the end of such descriptors by themselves.
    base::UniqueFd lease = open_file(name, O_WRONLY | O_CREAT);
    if (!lease) {
        return refused(path_ / name, errno);
    }
    if (!lock(lease)) {
        return errno == EWOULDBLOCK ? base::fail(base::Errc::busy, (path_ / name).string())
                                    : refused(path_ / name, errno);
    }
    // Open for reading: that we close it is not to look like the end of a lease.
    base::UniqueFd file = open_file(name, O_RDONLY);
    if (!file || !write_holder(lease, holder)) {
        const int error = errno;
        ::unlinkat(directory_.get(), name.c_str(), 0);
        return refused(path_ / name, error);
    }
    keep(name, std::move(file), std::move(ended));
    return lease;
}

std::optional<std::string> LeaseRegistry::resume(const pci::Address& address, std::uint16_t offset,
                                                 Ended ended) {
    const std::string name = file_name(address, offset);
    base::UniqueFd file = open_file(name, O_RDONLY);
    if (!file) {
        return std::nullopt;
    }
    if (lock(file)) {
        ::unlinkat(directory_.get(), name.c_str(), 0);
        return std::nullopt;
    }
    std::string holder = read_holder(file);
    keep(name, std::move(file), std::move(ended));
    // The event of its end may have been before us, and the end of the lock not yet.
    check(name);
    return holder;
}

void LeaseRegistry::look(const pci::Address& address, std::uint16_t offset) {
    if (const auto found = leases_.find(file_name(address, offset)); found != leases_.end()) {
        static_cast<void>(end_if_free(found));
    }
}

void LeaseRegistry::forget(const pci::Address& address, std::uint16_t offset) {
    leases_.erase(file_name(address, offset));
}

base::UniqueFd LeaseRegistry::open_file(const std::string& name, int flags) const {
    return base::UniqueFd(
        ::openat(directory_.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0600));
}

void LeaseRegistry::keep(const std::string& name, base::UniqueFd file, Ended ended) {
    leases_.insert_or_assign(name,
                             Lease{std::move(file), std::move(ended), asio::steady_timer(loop_)});
}

// --- Their ends --------------------------------------------------------------------------------------------------------------

void LeaseRegistry::wait() {
    events_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this, life = std::weak_ptr(life_)](const boost::system::error_code& error) {
                           if (!error && !life.expired()) {
                               receive();
                               wait();
                           }
                       });
}

/// What one read gives; the descriptor stays readable while there is more.
void LeaseRegistry::receive() {
    std::array<char, 4096> bytes;
    const ssize_t size = ::read(events_.native_handle(), bytes.data(), bytes.size());
    for (ssize_t at = 0; at < size;) {
        inotify_event event{};
        std::memcpy(&event, bytes.data() + at, sizeof(event));
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
            // Events are lost: they may have been anybody's.
            for (const auto& [name, lease] : leases_) {
                check(name);
            }
        } else if (event.len > 0) {
            check(bytes.data() + at + sizeof(event));  // ends with a zero
        }
        at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
}

/// Something was closed, perhaps the lease.
void LeaseRegistry::check(const std::string& name) {
    if (const auto found = leases_.find(name); found != leases_.end()) {
        found->second.retries = 0;
        try_after(std::chrono::milliseconds(0), name, found->second);
    }
}

void LeaseRegistry::try_after(std::chrono::milliseconds delay, const std::string& name,
                              Lease& lease) {
    lease.retry.expires_after(delay);
    lease.retry.async_wait(
        [this, name, life = std::weak_ptr(life_)](const boost::system::error_code& error) {
            if (!error && !life.expired()) {
                try_to_end(name);
            }
        });
}

void LeaseRegistry::try_to_end(const std::string& name) {
    const auto found = leases_.find(name);
    if (found == leases_.end()) {
        return;
    }
    if (end_if_free(found)) {
        return;  // it may have dropped us
    }
    Lease& lease = found->second;
    if (lease.retries < max_retries) {
        try_after(first_retry * (1 << lease.retries++), name, lease);
    }
}

/// Whether the lease has ended, and was told of.
bool LeaseRegistry::end_if_free(Leases::iterator found) {
    if (!lock(found->second.file)) {
        return false;
    }
    ::unlinkat(directory_.get(), found->first.c_str(), 0);
    auto ended = std::move(found->second.ended);
    leases_.erase(found);
    ended();  // last: it may lend anew, and may drop us
    return true;
}

}  // namespace doed::daemon
