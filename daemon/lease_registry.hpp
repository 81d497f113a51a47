// SPDX-License-Identifier: Apache-2.0
//
// The mailboxes that are lent to programs. A lease is an open file: DIRECTORY/0000:0d:00.0_190, locked with flock(2)
// through the descriptor that the holder gets. Lock and descriptor are the kernel's, so a lease survives doed, can be handed
// on to children, and ends when the last copy of the descriptor is closed, however its holders end. The file's text says who
// it was lent to. Bus loop only.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "pci/address.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace doed::daemon {

class LeaseRegistry {
public:
    /// Called once, on the loop, never from within grant() or resume().
    using Ended = std::move_only_function<void()>;

    /// Keeps leases in `directory`, which is made if need be, for this user alone. One registry at a time uses it.
    /// Error: io.
    [[nodiscard]] static base::Result<std::unique_ptr<LeaseRegistry>> open(
        boost::asio::any_io_executor loop, const std::filesystem::path& directory);
    /// Keeps them in a directory of its own, which goes with the registry: for hosts that end with the daemon. Error: io.
    [[nodiscard]] static base::Result<std::unique_ptr<LeaseRegistry>> open_private(
        boost::asio::any_io_executor loop);
    LeaseRegistry(const LeaseRegistry&) = delete;
    LeaseRegistry& operator=(const LeaseRegistry&) = delete;
    /// Calls nobody any more. The leases live on, but for those of a private directory.
    ~LeaseRegistry();

    /// Makes the lease. The caller keeps no copy of the descriptor; `ended` is called when the last one is closed.
    /// `holder`: one line, for people. Errors: busy (it is lent), io.
    [[nodiscard]] base::Result<base::UniqueFd> grant(const pci::Address& address,
                                                     std::uint16_t offset,
                                                     const std::string& holder, Ended ended);
    /// The holder of a lease that was given before and that nobody here waits for, by an earlier doed or before forget();
    /// `ended` as above. Nothing when the mailbox is not lent.
    [[nodiscard]] std::optional<std::string> resume(const pci::Address& address,
                                                    std::uint16_t offset, Ended ended);
    /// Tells of the end of this mailbox's lease, from within this call, if it has ended and is waited for.
    void look(const pci::Address& address, std::uint16_t offset);
    /// Nobody waits for the end of this mailbox's lease any more. The lease itself lives on.
    void forget(const pci::Address& address, std::uint16_t offset);

private:
    /// A lease whose end somebody waits for.
    struct Lease {
        base::UniqueFd
            file;  ///< our own look at the file, by which we can tell that the lock is free
        Ended ended;
        boost::asio::steady_timer retry;
        int retries = 0;
    };

    using Leases = std::map<std::string, Lease>;  ///< by file name

    LeaseRegistry(boost::asio::any_io_executor loop, std::filesystem::path path, bool is_private);

    [[nodiscard]] base::Result<void> begin();
    [[nodiscard]] base::UniqueFd open_file(const std::string& name, int flags) const;
    void keep(const std::string& name, base::UniqueFd file, Ended ended);
    void wait();
    void receive();
    void check(const std::string& name);
    void try_after(std::chrono::milliseconds delay, const std::string& name, Lease& lease);
    void try_to_end(const std::string& name);
    [[nodiscard]] bool end_if_free(Leases::iterator found);

    boost::asio::any_io_executor loop_;
    std::filesystem::path path_;
    bool private_;
    base::UniqueFd directory_;
    boost::asio::posix::stream_descriptor events_;  ///< inotify
    Leases leases_;
    std::shared_ptr<int> life_ =
        std::make_shared<int>(0);  ///< handlers do something only while it lives
};

}  // namespace doed::daemon
