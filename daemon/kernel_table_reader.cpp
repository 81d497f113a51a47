// SPDX-License-Identifier: Apache-2.0
#include "daemon/kernel_table_reader.hpp"

#include "daemon/kernel_view.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace doed::daemon {

namespace asio = boost::asio;

KernelTableReader::KernelTableReader(asio::any_io_executor loop, asio::any_io_executor workers,
                                     Open open, std::string mailbox_name, std::string reason)
    : loop_(std::move(loop)),
      workers_(std::move(workers)),
      open_(std::move(open)),
      mailbox_name_(std::move(mailbox_name)),
      reason_(std::move(reason)) {}

void KernelTableReader::read(const bus::MethodOptions& options, Completion completion) {
    if (options.refresh) {
        completion(base::fail(base::Errc::kernel_owned, mailbox_name_ + ": " + reason_));
        return;
    }
    const auto waiter = std::make_shared<Waiter>(
        Waiter{std::move(completion), asio::steady_timer(loop_, options.deadline)});
    // Weak: a timer that runs out just before its waiter is told finds nobody.
    waiter->timer.async_wait([weak = weak_from_this(), late = std::weak_ptr(waiter)](
                                 const boost::system::error_code& error) {
        const auto self = weak.lock();
        const auto expired = late.lock();
        if (!error && self && expired) {
            self->expire(expired);
        }
    });
    waiters_.push_back(waiter);
    if (!std::exchange(reading_, true)) {
        begin();
    }
}

void KernelTableReader::begin() {
    asio::post(workers_, [self = shared_from_this()]() mutable {
        base::Result<cdat::Table> table;
        const auto file = self->open_();
        auto bytes = file ? read_kernel_cdat(*file) : std::unexpected(file.error());
        if (bytes) {
            table = cdat::Table::parse(std::move(*bytes));
        } else {
            table = std::unexpected(bytes.error().in(self->mailbox_name_));
        }
        const auto loop = self->loop_;
        asio::post(loop,
                   [self = std::move(self), table = std::move(table)] { self->finish(table); });
    });
}

void KernelTableReader::finish(const base::Result<cdat::Table>& table) {
    reading_ = false;
    // Whoever comes while these are told begins anew.
    for (const auto& waiter : std::exchange(waiters_, {})) {
        waiter->completion(table);
    }
}

void KernelTableReader::expire(const std::shared_ptr<Waiter>& waiter) {
    std::erase(waiters_, waiter);
    waiter->completion(base::fail(base::Errc::deadline_exceeded,
                                  mailbox_name_ + ": the kernel has not shown its table in time"));
}

}  // namespace doed::daemon
