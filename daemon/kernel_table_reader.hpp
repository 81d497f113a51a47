// SPDX-License-Identifier: Apache-2.0
//
// Reads the kernel's copy of a device's CDAT for many callers: one reading of the file at a time, whose result goes to
// everybody who came before its end. A file of sysfs may block for as long as its driver likes: it is read on a worker,
// and whoever waits for it has a deadline of its own. Bus loop only.
#pragma once

#include "base/unique_fd.hpp"
#include "cdat/table.hpp"
#include "daemon/bus/method_options.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace doed::daemon {

class KernelTableReader : public std::enable_shared_from_this<KernelTableReader> {
public:
    using Completion = std::move_only_function<void(base::Result<cdat::Table>)>;

    /// Opens the file; called on a worker.
    using Open = std::function<base::Result<base::UniqueFd>()>;

    /// `reason`: why the kernel owns the mailbox, told to whoever asks for the device itself.
    KernelTableReader(boost::asio::any_io_executor loop, boost::asio::any_io_executor workers,
                      Open open, std::string mailbox_name, std::string reason);

    /// Errors: kernel_owned (a refresh), deadline_exceeded, those of opening the file and of
    /// read_kernel_cdat. Called once, on the loop.
    void read(const bus::MethodOptions& options, Completion completion);

private:
    struct Waiter {
        Completion completion;
        boost::asio::steady_timer timer;
    };

    void begin();
    void finish(const base::Result<cdat::Table>& table);
    void expire(const std::shared_ptr<Waiter>& waiter);

    boost::asio::any_io_executor loop_;
    boost::asio::any_io_executor workers_;
    Open open_;
    std::string mailbox_name_;
    std::string reason_;
    bool reading_ = false;
    std::vector<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace doed::daemon
