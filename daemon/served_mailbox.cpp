// SPDX-License-Identifier: Apache-2.0
#include "daemon/served_mailbox.hpp"

#include "cdat/table_access.hpp"
#include "doe/discovery.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace doed::daemon {

namespace asio = boost::asio;

ServedMailbox::ServedMailbox(asio::any_io_executor loop, const pci::Address& address,
                             const pci::DoeCapability& capability, std::string backend,
                             Ownership ownership)
    : loop_(std::move(loop)),
      address_(address),
      capability_(capability),
      backend_(std::move(backend)),
      name_(fmt::format("{} mailbox 0x{:x}", address.to_string(), capability.offset)),
      ownership_(std::move(ownership)) {}

void ServedMailbox::claim(pci::Host& host, asio::any_io_executor workers,
                          const doe::MailboxOptions& options, const doe::AllowList& allowed) {
    auto config = host.open(address_);
    if (!config) {
        ownership_ = Ownership{Owner::none, config.error().message(), config.error().code()};
        return;
    }
    auto listener = [weak = weak_from_this()](doe::MailboxStatus status) {
        if (const auto self = weak.lock()) {
            self->take_status(std::move(status));
        }
    };
    service_ =
        io::MailboxService::create(std::move(workers), std::move(*config), address_, capability_,
                                   options, allowed, loop_, std::move(listener));
    service_->start();
}

void ServedMailbox::take_status(doe::MailboxStatus status) {
    const doe::MailboxStatus before = std::exchange(status_, std::move(status));
    if (listener_) {
        listener_(before);
    }
}

void ServedMailbox::discover(const bus::MethodOptions& options, Completion<Features> completion) {
    if (!service_) {
        completion(refusal());
        return;
    }
    auto deliver = [completion = std::move(completion)](io::OperationResult result) mutable {
        if (!result) {
            completion(std::unexpected(result.error()));
            return;
        }
        completion(static_cast<const doe::DiscoveryOperation&>(**result).protocols());
    };
    service_->async_execute(std::make_shared<doe::DiscoveryOperation>(capability_.version),
                            io::ExecuteOptions{options.deadline, 0},
                            asio::bind_executor(loop_, std::move(deliver)));
}

void ServedMailbox::read_cdat(const bus::MethodOptions& options,
                              Completion<cdat::Table> completion) {
    if (!service_) {
        completion(refusal());
        return;
    }
    auto deliver = [completion = std::move(completion)](io::OperationResult result) mutable {
        if (!result) {
            completion(std::unexpected(result.error()));
            return;
        }
        completion(static_cast<const cdat::TableAccessOperation&>(**result).table());
    };
    service_->async_execute(std::make_shared<cdat::TableAccessOperation>(),
                            io::ExecuteOptions{options.deadline, 0},
                            asio::bind_executor(loop_, std::move(deliver)));
}

void ServedMailbox::reset(const bus::MethodOptions& options, Completion<void> completion) {
    if (!service_) {
        completion(refusal());
        return;
    }
    // A claim cannot be withdrawn: when time is up it goes on without the caller. Whoever comes
    // first takes the completion.
    struct Waiter {
        Completion<void> completion;
        asio::steady_timer timer;
    };
    auto waiter = std::make_shared<Waiter>(
        Waiter{std::move(completion), asio::steady_timer(loop_, options.deadline)});
    const auto finish = [waiter](base::Result<void> result) {
        waiter->timer.cancel();
        if (waiter->completion) {
            std::exchange(waiter->completion, nullptr)(std::move(result));
        }
    };
    waiter->timer.async_wait([finish, name = name_](const boost::system::error_code& error) {
        if (!error) {
            finish(base::fail(base::Errc::deadline_exceeded, name));
        }
    });
    service_->async_reset(asio::bind_executor(loop_, finish));
}

void ServedMailbox::close(std::move_only_function<void()> closed) {
    if (!service_) {
        asio::post(loop_, std::move(closed));
        return;
    }
    service_->async_close(asio::bind_executor(loop_, std::move(closed)));
}

bool ServedMailbox::offers(doe::Protocol protocol) const noexcept {
    return std::ranges::find(status_.features, protocol) != status_.features.end();
}

bool ServedMailbox::settled() const noexcept {
    return !service_ || status_.state != doe::MailboxState::starting;
}

std::string_view ServedMailbox::state() const noexcept {
    return service_ ? doe::to_string(status_.state) : to_string(ownership_.owner);
}

std::string_view ServedMailbox::completion() const noexcept {
    if (!service_) {
        return ownership_.owner == Owner::kernel ? "kernel" : "";
    }
    return "poll";
}

std::unexpected<base::Error> ServedMailbox::refusal() const {
    return base::fail(ownership_.refusal, name_ + ": " + ownership_.reason);
}

}  // namespace doed::daemon
